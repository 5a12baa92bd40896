// The addresses that the console and the portal share. Everything that one can point at is in the URL; the values of its query are always text, as ids are.
import { createRootRoute, createRoute, lazyRouteComponent } from '@tanstack/react-router';

export const root = createRootRoute({ notFoundComponent: lazyRouteComponent(() => import('./pages/NotFoundPage.tsx'), 'NotFoundPage') });

/** The frame around its pages. Each router gives it its own. */
export const shell = createRoute({ getParentRoute: () => root, id: 'shell' });

/** Only what is named here, and only text. */
export const texts =
  <const Names extends readonly string[]>(...names: Names) =>
  (search: Record<string, unknown>): { [Name in Names[number]]?: string } =>
    Object.fromEntries(
      names.flatMap((name) => (typeof search[name] === 'string' && search[name] !== '' ? [[name, search[name]]] : [])),
    ) as {
      [Name in Names[number]]?: string;
    };

export const endpoints = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints',
  validateSearch: texts('status', 'health', 'search', 'eventType', 'order'),
  component: lazyRouteComponent(() => import('./pages/endpoints/EndpointsPage.tsx'), 'EndpointsPage'),
});

export const newEndpoint = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints/new',
  validateSearch: texts('from'),
  component: lazyRouteComponent(() => import('./pages/endpoint-form/NewEndpointPage.tsx'), 'NewEndpointPage'),
});

export const endpoint = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints/$endpointId',
  validateSearch: texts('tab', 'window', 'from', 'until', 'status', 'at'),
  component: lazyRouteComponent(() => import('./pages/endpoint/EndpointPage.tsx'), 'EndpointPage'),
});

export const editEndpoint = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints/$endpointId/edit',
  component: lazyRouteComponent(() => import('./pages/endpoint-form/EditEndpointPage.tsx'), 'EditEndpointPage'),
});

export const deliveries = createRoute({
  getParentRoute: () => shell,
  path: '/deliveries',
  validateSearch: texts('status', 'endpoint', 'eventType', 'reason', 'code', 'test', 'since', 'until', 'message', 'clientId', 'job'),
  component: lazyRouteComponent(() => import('./pages/deliveries/DeliveriesPage.tsx'), 'DeliveriesPage'),
});

export const delivery = createRoute({
  getParentRoute: () => shell,
  path: '/deliveries/$deliveryId',
  component: lazyRouteComponent(() => import('./pages/delivery/DeliveryPage.tsx'), 'DeliveryPage'),
});

export const messages = createRoute({
  getParentRoute: () => shell,
  path: '/messages',
  validateSearch: texts('eventType', 'clientId', 'key', 'content', 'unrouted', 'since', 'until'),
  component: lazyRouteComponent(() => import('./pages/messages/MessagesPage.tsx'), 'MessagesPage'),
});

export const message = createRoute({
  getParentRoute: () => shell,
  path: '/messages/$messageId',
  validateSearch: texts('tab', 'routed'),
  component: lazyRouteComponent(() => import('./pages/message/MessagePage.tsx'), 'MessagePage'),
});

export const eventTypes = createRoute({
  getParentRoute: () => shell,
  path: '/event-types',
  component: lazyRouteComponent(() => import('./pages/event-types/EventTypesPage.tsx'), 'EventTypesPage'),
});

export const parseSearch = (text: string): Record<string, string> => Object.fromEntries(new URLSearchParams(text));
export const stringifySearch = (search: Record<string, unknown>): string => {
  const entries = Object.entries(search).flatMap(([name, value]) => (typeof value === 'string' && value !== '' ? [[name, value]] : []));
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries).toString()}`;
};
