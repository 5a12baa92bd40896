// The addresses of the console. Everything that one can point at is in the URL; the values of its query are always text, as ids are.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { Shell } from './shell/Shell.tsx';
import { SignInPage } from './pages/sign-in/SignInPage.tsx';

const root = createRootRoute({ notFoundComponent: lazyRouteComponent(() => import('./pages/NotFoundPage.tsx'), 'NotFoundPage') });

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignInPage,
  validateSearch: ({ next }: Record<string, unknown>): { next?: string } => (typeof next === 'string' ? { next } : {}),
});

const shell = createRoute({ getParentRoute: () => root, id: 'shell', component: Shell });

const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/endpoints', replace: true });
  },
});

/** Only what is named here, and only text. */
const texts =
  <const Names extends readonly string[]>(...names: Names) =>
  (search: Record<string, unknown>): { [Name in Names[number]]?: string } =>
    Object.fromEntries(
      names.flatMap((name) => (typeof search[name] === 'string' && search[name] !== '' ? [[name, search[name]]] : [])),
    ) as {
      [Name in Names[number]]?: string;
    };

const endpoints = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints',
  validateSearch: texts('status', 'health', 'search', 'eventType', 'order'),
  component: lazyRouteComponent(() => import('./pages/endpoints/EndpointsPage.tsx'), 'EndpointsPage'),
});

const newEndpoint = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints/new',
  component: lazyRouteComponent(() => import('./pages/endpoint-form/NewEndpointPage.tsx'), 'NewEndpointPage'),
});

const endpoint = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints/$endpointId',
  component: lazyRouteComponent(() => import('./pages/endpoint/EndpointPage.tsx'), 'EndpointPage'),
});

const editEndpoint = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints/$endpointId/edit',
  component: lazyRouteComponent(() => import('./pages/endpoint-form/EditEndpointPage.tsx'), 'EditEndpointPage'),
});

const deliveries = createRoute({
  getParentRoute: () => shell,
  path: '/deliveries',
  validateSearch: texts('status', 'endpoint', 'eventType', 'reason', 'message', 'clientId'),
  component: lazyRouteComponent(() => import('./pages/deliveries/DeliveriesPage.tsx'), 'DeliveriesPage'),
});

const delivery = createRoute({
  getParentRoute: () => shell,
  path: '/deliveries/$deliveryId',
  component: lazyRouteComponent(() => import('./pages/delivery/DeliveryPage.tsx'), 'DeliveryPage'),
});

const eventTypes = createRoute({
  getParentRoute: () => shell,
  path: '/event-types',
  component: lazyRouteComponent(() => import('./pages/event-types/EventTypesPage.tsx'), 'EventTypesPage'),
});

const settings = createRoute({
  getParentRoute: () => shell,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/settings/SettingsPage.tsx'), 'SettingsPage'),
});

const pages = [home, endpoints, newEndpoint, endpoint, editEndpoint, deliveries, delivery, eventTypes, settings] as const;
const routeTree = root.addChildren([signIn, shell.addChildren(pages)]);

const parseSearch = (text: string): Record<string, string> => Object.fromEntries(new URLSearchParams(text));
const stringifySearch = (search: Record<string, unknown>): string => {
  const entries = Object.entries(search).flatMap(([name, value]) => (typeof value === 'string' && value !== '' ? [[name, value]] : []));
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries).toString()}`;
};

export const makeRouter = () =>
  createRouter({ routeTree, parseSearch, stringifySearch, defaultPreload: 'intent', scrollRestoration: true });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
