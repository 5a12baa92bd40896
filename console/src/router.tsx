// The addresses of the console: those that it shares with the portal (routes.ts), and its own.
import { createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
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
  parseSearch,
  root,
  shell,
  stringifySearch,
  texts,
} from './routes.ts';
import { Shell } from './shell/Shell.tsx';

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('./pages/sign-in/SignInPage.tsx'), 'SignInPage'),
  validateSearch: ({ next }: Record<string, unknown>): { next?: string } => (typeof next === 'string' ? { next } : {}),
});

const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/endpoints', replace: true });
  },
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

shell.update({ component: Shell });
const pages = [
  home,
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
  settings,
] as const;
const routeTree = root.addChildren([signIn, shell.addChildren(pages)]);

export const makeRouter = () =>
  createRouter({ routeTree, parseSearch, stringifySearch, defaultPreload: 'intent', scrollRestoration: true });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
