// Which event types may go to an endpoint. Where a portal session said what goes where, internal types do not: its customer is never to see them.
import * as z from 'zod';
import { DomainError, type Issue } from './errors.ts';

export const storedAudience = z
  .literal('PUBLIC')
  .describe('A portal session decided this: from now on no internal event types go to the endpoint. Absent: as before.')
  .optional();

/** PUBLIC: no internal event types go there. Undefined: all that it subscribes to. */
export type EndpointAudience = z.infer<typeof storedAudience>;

/** The internal types of the endpoint's organization when a command is given, and whether a portal session gives it. */
export type InternalTypes = { readonly names: ReadonlySet<string>; readonly areHidden: boolean };

/** What a portal session is shown of a subscription. */
export const shownSubscription = (eventTypes: readonly string[], hidden: ReadonlySet<string>): readonly string[] =>
  hidden.size === 0 ? eventTypes : eventTypes.filter((entry) => !hidden.has(entry));

/** The subscription to store. A caller that sends back the entries it was shown keeps those it was not shown. */
export const askedSubscription = (before: readonly string[], given: readonly string[], internal: InternalTypes | undefined) => {
  if (!internal?.areHidden) return given;
  const shown = shownSubscription(before, internal.names);
  return shown.length === given.length && shown.every((entry, i) => entry === given[i]) ? before : given;
};

/**
 * Refuses entries that name internal types where those may not go.
 * @param before what it subscribed to
 * @param audience of the endpoint, before
 * @throws DomainError BAD_USER_INPUT with the paths of the entries
 */
export const checkInternalTypes = (
  before: readonly string[],
  eventTypes: readonly string[],
  audience: EndpointAudience,
  internal: InternalTypes | undefined,
): void => {
  if (!internal || (!internal.areHidden && audience === undefined)) return;
  const issues = eventTypes.flatMap((entry, i): Issue[] =>
    internal.names.has(entry) && !before.includes(entry)
      ? [{ path: `eventTypes.${i}`, message: internal.areHidden ? notOffered(entry) : notThere(entry) }]
      : [],
  );
  const [first] = issues;
  if (first) throw new DomainError('BAD_USER_INPUT', `${first.path}: ${first.message}`, issues);
};

const notOffered = (entry: string) => `${JSON.stringify(entry)} is not offered to portal sessions; \`eventTypes\` lists what is.`;
const notThere = (entry: string) =>
  `${JSON.stringify(entry)} is internal, and does not go where a portal session has pointed this endpoint; make another endpoint for it.`;
