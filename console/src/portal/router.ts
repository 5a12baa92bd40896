// The portal's addresses: pages of the console, behind the `#` of one address. A new token in its place is then no other page, and nothing typed is lost.
import { createHashHistory, createRoute, createRouter, redirect } from '@tanstack/react-router';
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
} from '../routes.ts';
import { PortalFrame } from './PortalFrame.tsx';
import { isToken } from './session.ts';

const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/endpoints', replace: true });
  },
});

shell.update({ component: PortalFrame });
const pages = [home, endpoints, newEndpoint, endpoint, editEndpoint, deliveries, delivery, messages, message, eventTypes] as const;
const routeTree = root.addChildren([shell.addChildren(pages)]);

/** A token in the address does not stay there, neither to be seen nor in the browser's history. @param take gets each */
export const makePortalRouter = (take: (token: string) => void) => {
  const tokenInAddress = (): string | undefined => {
    const text = location.hash.slice(1);
    return isToken(text) ? text : undefined;
  };
  const first = tokenInAddress();
  if (first !== undefined) {
    history.replaceState(history.state, '', location.pathname);
    take(first);
  }
  const onFragment = () => {
    const token = tokenInAddress();
    if (token === undefined) return;
    const { href, state } = address.location;
    // Not the router's own: for the router, nothing happened.
    History.prototype.replaceState.call(history, state, '', address.createHref(href));
    take(token);
  };
  // Before the router listens, which would look for a page of that name.
  for (const type of ['popstate', 'hashchange']) addEventListener(type, onFragment);
  const address = createHashHistory();
  return createRouter({ routeTree, history: address, parseSearch, stringifySearch, defaultPreload: 'intent', scrollRestoration: true });
};
