// The addresses of the console: those that it shares with the portal (routes.ts), and its own.
import { createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { SignInPage } from './pages/sign-in/SignInPage.tsx';
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
} from './routes.ts';
import { Shell } from './shell/Shell.tsx';

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignInPage,
  validateSearch: ({ next }: Record<string, unknown>): { next?: string } => (typeof next === 'string' ? { next } : {}),
});

const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/endpoints', replace: true });
  },
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
  eventTypes,
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
