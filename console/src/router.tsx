// The addresses of the console: those that it shares with the portal (routes.ts), and its own.
import { createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { parseOwnSearch, stringifyOwnSearch } from './api/organization.ts';
import {
  deliveries,
  delivery,
  editEndpoint,
  endpoint,
  endpoints,
  eventTypes,
  message,
  messages,
  newEndpoint,
  root,
  shell,
  texts,
} from './routes.ts';
import { Shell } from './shell/Shell.tsx';

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('./pages/sign-in/SignInPage.tsx'), 'SignInPage'),
  validateSearch: ({ next }: Record<string, unknown>): { next?: string } => (typeof next === 'string' ? { next } : {}),
});

const overview = createRoute({
  getParentRoute: () => shell,
  path: '/',
  validateSearch: texts('window', 'from', 'until'),
  component: lazyRouteComponent(() => import('./pages/overview/OverviewPage.tsx'), 'OverviewPage'),
});

const history = createRoute({
  getParentRoute: () => shell,
  path: '/history',
  validateSearch: texts('type', 'endpoint', 'message', 'delivery', 'actor', 'since', 'until', 'order', 'position'),
  component: lazyRouteComponent(() => import('./pages/history/HistoryPage.tsx'), 'HistoryPage'),
});

const publish = createRoute({
  getParentRoute: () => shell,
  path: '/publish',
  validateSearch: texts('type'),
  component: lazyRouteComponent(() => import('./pages/publish/PublishPage.tsx'), 'PublishPage'),
});

const replays = createRoute({
  getParentRoute: () => shell,
  path: '/replays',
  validateSearch: texts('tab', 'new', 'endpoint'),
  component: lazyRouteComponent(() => import('./pages/replays/ReplaysPage.tsx'), 'ReplaysPage'),
});

const sources = createRoute({
  getParentRoute: () => shell,
  path: '/sources',
  validateSearch: texts('source', 'new'),
  component: lazyRouteComponent(() => import('./pages/sources/SourcesPage.tsx'), 'SourcesPage'),
});

const settings = createRoute({
  getParentRoute: () => shell,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/settings/SettingsPage.tsx'), 'SettingsPage'),
});

const organizations = createRoute({
  getParentRoute: () => shell,
  path: '/organizations',
  validateSearch: texts('search', 'status'),
  component: lazyRouteComponent(() => import('./pages/organizations/OrganizationsPage.tsx'), 'OrganizationsPage'),
});

const system = createRoute({
  getParentRoute: () => shell,
  path: '/system',
  component: lazyRouteComponent(() => import('./pages/system/SystemPage.tsx'), 'SystemPage'),
});

shell.update({ component: Shell });
const pages = [
  overview,
  endpoints,
  newEndpoint,
  endpoint,
  editEndpoint,
  deliveries,
  delivery,
  messages,
  message,
  publish,
  eventTypes,
  replays,
  sources,
  history,
  organizations,
  settings,
  system,
] as const;
const routeTree = root.addChildren([signIn, shell.addChildren(pages)]);

export const makeRouter = () =>
  createRouter({
    routeTree,
    parseSearch: parseOwnSearch,
    stringifySearch: stringifyOwnSearch,
    defaultPreload: 'intent',
    scrollRestoration: true,
  });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
