// Subscription: which event types an endpoint wants: names, `meeting.*`, groups such as `alerts`, or `*`.
import type { Issue } from './errors.ts';
import { isOperationalType } from './operational-message.ts';

const mostEntries = 100;
const longestEntry = 128;
const entrySyntax = /^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$/;

/**
 * Whether a message of that type, whose type belongs to that group, is subscribed to. `meeting.*` takes all that begins with
 * `meeting.`, at any depth, but not `meeting` itself; an entry without a star is the name of a type, of a group, or of both. `*` takes all but operational messages.
 */
export const compileSubscription = (eventTypes: readonly string[]): ((type: string, group: string) => boolean) => {
  const names = new Set(eventTypes);
  const prefixes = eventTypes.filter((entry) => entry.endsWith('.*')).map((entry) => entry.slice(0, -1));
  const takesAll = names.has('*');
  return (type, group) =>
    (takesAll && !isOperationalType(type)) || names.has(type) || names.has(group) || prefixes.some((prefix) => type.startsWith(prefix));
};

/** All entries that subscribe to a type of that group. */
export const entriesFor = (type: string, group: string): string[] => {
  const words = type.split('.');
  const prefixes = words.slice(1).map((_, i) => `${words.slice(0, i + 1).join('.')}.*`);
  return [...new Set([...(isOperationalType(type) ? [] : ['*']), type, group, ...prefixes])];
};

const remedy = (entry: string): string => {
  if (/[,;\s]/.test(entry.trim())) return 'Give each name an entry of its own.';
  if (entry.includes('*')) return 'A star stands alone (`*`) or at the end after a dot (`meeting.*`).';
  return 'Give a name such as `meeting.ended`, `meeting.*`, a group such as `alerts`, or `*`.';
};

/** What is wrong with a subscription; paths are the entries' indices. */
export const checkSubscription = (eventTypes: readonly string[]): Issue[] => {
  if (eventTypes.length === 0) return [{ path: '', message: 'The list is empty; give `*` to subscribe to everything.' }];
  if (eventTypes.length > mostEntries)
    return [{ path: '', message: `There may be at most ${mostEntries} entries; subscribe by group or by \`name.*\`.` }];
  return eventTypes.flatMap((entry, index): Issue[] => {
    if (entry.length > longestEntry)
      return [{ path: String(index), message: `An entry may have at most ${longestEntry} characters; this one has ${entry.length}.` }];
    if (!entrySyntax.test(entry))
      return [{ path: String(index), message: `${JSON.stringify(entry)} names no event type. ${remedy(entry)}` }];
    return [];
  });
};

/** The entry by which a message is subscribed to, if one does. */
export const subscribingEntry = (eventTypes: readonly string[], type: string, group: string): string | undefined =>
  eventTypes.find((entry) => compileSubscription([entry])(type, group));
