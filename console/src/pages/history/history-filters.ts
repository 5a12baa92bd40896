// The filters of the history, as they are in the URL and as the API takes them, and what belongs to one event. Pure.
import type { VariablesOf } from '../../api/graphql.ts';
import { isMoment } from '../messages/message-filters.ts';
import { endpointOf, messageOf, type Told } from './event-sentences.ts';
import type { historyQuery } from './history.query.ts';

export type HistorySearch = {
  readonly [Name in 'type' | 'endpoint' | 'message' | 'delivery' | 'actor' | 'since' | 'until' | 'order' | 'position']?: string | undefined;
};
type Filter = NonNullable<VariablesOf<typeof historyQuery>['filter']>;

export const historyFilterOf = ({ type, endpoint, message, delivery, actor, since, until }: HistorySearch): Filter => ({
  ...(type !== undefined && { types: [type] }),
  ...(endpoint !== undefined && { endpointId: endpoint }),
  ...(message !== undefined && { messageId: message }),
  ...(delivery !== undefined && { deliveryId: delivery }),
  ...(actor !== undefined && { actor }),
  ...(isMoment(since) && { since }),
  ...(isMoment(until) && { until }),
});

const chipLabels = {
  type: 'Type',
  endpoint: 'Endpoint',
  message: 'Message',
  delivery: 'Delivery',
  actor: 'Who',
  since: 'Since',
  until: 'Until',
} as const;

/** What narrows the history, for chips. */
export const chipsOf = (search: HistorySearch): readonly { readonly name: keyof HistorySearch; readonly label: string }[] =>
  (Object.keys(chipLabels) as (keyof typeof chipLabels)[]).flatMap((name) =>
    search[name] === undefined ? [] : [{ name, label: `${chipLabels[name]}: ${search[name]}` }],
  );

type Recorded = Told & { readonly position: string; readonly recordedAt: string };

export const justAfter = (at: string): string => new Date(Date.parse(at) + 1).toISOString();

/** A link to the event: a page of the history that begins with it, or all about its message. */
export const searchFor = (event: Recorded): HistorySearch => {
  const message = messageOf(event);
  return { position: event.position, ...(message === undefined ? { until: justAfter(event.recordedAt) } : { message }) };
};

/** Where what caused the event, and what it led to, is looked for. */
export const aroundFiltersOf = (event: Recorded): { readonly before: Filter; readonly after: Filter } => {
  const [messageId, endpointId] = [messageOf(event), endpointOf(event)];
  if (messageId !== undefined) return { before: { messageId }, after: { messageId } };
  const about = endpointId === undefined ? {} : { endpointId };
  return { before: { ...about, until: justAfter(event.recordedAt) }, after: { ...about, since: event.recordedAt } };
};

/** "apikey:admin" as "admin", with the kind beside. */
export const actorParts = (actor: string): { readonly kind: string; readonly name: string } => {
  const at = actor.indexOf(':');
  const kind = at === -1 ? '' : actor.slice(0, at);
  const words: Readonly<Record<string, string>> = { apikey: 'API key', system: 'System', portal: 'Portal' };
  return { kind: words[kind] ?? kind, name: actor.slice(at + 1) };
};
