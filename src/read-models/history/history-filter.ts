// What of the history is asked for, and whether an event is of it.
import { catalog, type EventName } from '../../domain/catalog.ts';
import { badInput } from '../../domain/errors.ts';
import type { DeliveryId, EndpointId, MessageId } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';

type Given<T> = T | null | undefined;

/** All that is given must hold. From `since` on, and before `until`: when the event was recorded. */
export type HistoryFilter = {
  /** Its configuration, what was routed to it, its deliveries and batches. */
  readonly endpointId?: Given<EndpointId>;
  /** Its acceptance and its deliveries, with the batches that they went in. */
  readonly messageId?: Given<MessageId>;
  /** It, and the batch that it went in. */
  readonly deliveryId?: Given<DeliveryId>;
  readonly actor?: Given<string>;
  readonly types?: Given<readonly EventName[]>;
  readonly since?: Given<Date>;
  readonly until?: Given<Date>;
};

/** @throws DomainError BAD_USER_INPUT */
export const checkSpan = (since: Given<Date>, until: Given<Date>, path: string): void => {
  if (since && until && until < since)
    throw badInput(path, `\`until\` (${until.toISOString()}) is before \`since\` (${since.toISOString()}); swap them, or leave one out.`);
};

/** Texts from outside, as names of events. @throws DomainError BAD_USER_INPUT at one that there is not */
export const eventNames = (given: readonly string[], path: string): EventName[] =>
  given.map((name, i) => {
    if (Object.hasOwn(catalog, name)) return name as EventName;
    const category = name.split('.', 1)[0] ?? '';
    const near = Object.keys(catalog).filter((each) => each.startsWith(`${category}.`));
    throw badInput(`${path}.${i}`, `There is no event "${name}"; there are ${(near.length > 0 ? near : Object.keys(catalog)).join(', ')}.`);
  });

/** For events that were found by their message or delivery. */
export const isOf = (event: RecordedEvent, { endpointId, actor, types, since, until }: HistoryFilter): boolean => {
  const at = Date.parse(event.recordedAt);
  return (
    (!endpointId || isAbout(event, endpointId)) &&
    (!actor || event.metadata.actor === actor) &&
    (!types || types.includes(event.type)) &&
    (!since || at >= since.getTime()) &&
    (!until || at < until.getTime())
  );
};

const isAbout = ({ data }: RecordedEvent, id: EndpointId): boolean => {
  if ('endpointId' in data) return data.endpointId === id;
  return 'destinations' in data && (data.destinations.some(({ endpointId }) => endpointId === id) || data.skipped.includes(id));
};
