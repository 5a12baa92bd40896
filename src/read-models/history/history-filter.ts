// What of the history is asked for, and whether an event is of it.
import { catalog, type EventName } from '../../domain/catalog.ts';
import { badInput } from '../../domain/errors.ts';
import type { DeliveryId, EndpointId, MessageId } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { Optional } from '../queries/optional.ts';

/** All that is given must hold. The event was recorded at `since` or later, and before `until`. */
export type HistoryFilter = {
  /** Its configuration, what was routed to it, its deliveries and batches. */
  readonly endpointId?: Optional<EndpointId>;
  /** Its acceptance and its deliveries, with the batches that they went in. */
  readonly messageId?: Optional<MessageId>;
  /** It, and the batch that it went in. */
  readonly deliveryId?: Optional<DeliveryId>;
  readonly actor?: Optional<string>;
  readonly types?: Optional<readonly EventName[]>;
  readonly since?: Optional<Date>;
  readonly until?: Optional<Date>;
};

/** @throws DomainError BAD_USER_INPUT */
export const checkSpan = (since: Optional<Date>, until: Optional<Date>, path: string): void => {
  if (since && until && until < since)
    throw badInput(path, `\`until\` (${until.toISOString()}) is before \`since\` (${since.toISOString()}); swap them, or leave one out.`);
};

const isEventName = (name: string): name is EventName => Object.hasOwn(catalog, name);

/** Checks that these are names of events. @throws DomainError BAD_USER_INPUT at one that is not */
export const eventNames = (given: readonly string[], path: string): EventName[] =>
  given.map((name, i) => {
    if (isEventName(name)) return name;
    const category = name.split('.', 1)[0] ?? '';
    const near = Object.keys(catalog).filter((each) => each.startsWith(`${category}.`));
    throw badInput(`${path}.${i}`, `There is no event "${name}"; there are ${(near.length > 0 ? near : Object.keys(catalog)).join(', ')}.`);
  });

/** Whether an event that was found by its message or delivery passes the rest of the filter. */
export const matchesFilter = (event: RecordedEvent, { endpointId, actor, types, since, until }: HistoryFilter): boolean => {
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
