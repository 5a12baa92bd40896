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

const routeTree = root.addChildren([signIn, shell.addChildren([home, endpoints])]);

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
