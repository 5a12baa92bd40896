// What the caller may do, for pages that the console and the portal share: they leave out the rest. The API refuses it whatever a page shows.
import { createContext, useContext } from 'react';

export type Capability = 'VIEW_PAYLOADS' | 'MANAGE_ENDPOINTS' | 'VIEW_SECRETS' | 'SEND_TESTS' | 'RETRY';

export type Rights = {
  /** The page is shown to a customer: nothing of the organization's keys, and no links to the playground. */
  readonly isPortal: boolean;
  readonly may: (capability: Capability) => boolean;
  /** Sessions that are limited to some endpoints make none. */
  readonly mayMakeEndpoints: boolean;
};

/** Of the console: what a key may not, the API refuses with a sentence. */
const all: Rights = { isPortal: false, may: () => true, mayMakeEndpoints: true };

export const RightsContext = createContext(all);
export const useRights = (): Rights => useContext(RightsContext);
