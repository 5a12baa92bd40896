// Reading on the client's thread.
import type { Position } from '../../../domain/ids.ts';
import { toPosition } from '../positions.ts';
import { readAll, readStream, toClientFailure, toEventOnServer, type DbClient } from './db-client.ts';
import type { CountRequest, EventOnServer, LastEventFound, LastEventSearch, StreamRange } from './messages.ts';

/** Returns nothing for a stream that does not exist. */
export const readEvents = async (client: DbClient, range: StreamRange): Promise<readonly EventOnServer[]> => {
  const events: EventOnServer[] = [];
  try {
    for await (const event of readStream(client, range)) if (event) events.push(toEventOnServer(event));
    return events;
  } catch (error) {
    if (toClientFailure(error).type === 'stream-not-found') return [];
    throw error;
  }
};

/** The event at a position of the whole log. */
export const readEventAt = async (client: DbClient, position: Position): Promise<EventOnServer | undefined> => {
  for await (const event of readAll(client, { from: position, count: 1, requiresLeader: true }))
    return event && toPosition(event.position) === position ? toEventOnServer(event) : undefined;
  return undefined;
};

export const findLastEvent = async (client: DbClient, { prefixes, before, after, count }: LastEventSearch): Promise<LastEventFound> => {
  let newest: Position | undefined;
  let oldest: Position | undefined;
  let found = 0;
  for await (const event of readAll(client, { from: before ?? 'end', count, backwards: true, requiresLeader: true })) {
    found += 1;
    if (!event) continue;
    oldest = toPosition(event.position);
    newest ??= oldest;
    if (oldest <= after) return { last: undefined, newest, next: undefined };
    if (startsWithOneOf(prefixes, event.streamId)) return { last: oldest, newest, next: undefined };
  }
  return { last: undefined, newest, next: found === count ? oldest : undefined };
};

/** Reads forwards, so there should be few events in between. */
export const countEvents = async (client: DbClient, { prefixes, after, upTo }: CountRequest): Promise<number> => {
  let count = 0;
  for await (const event of readAll(client, { from: after ?? 'start', requiresLeader: false })) {
    if (!event) continue;
    const position = toPosition(event.position);
    if (position > upTo) break;
    if ((after === undefined || position > after) && startsWithOneOf(prefixes, event.streamId)) count += 1;
  }
  return count;
};

const startsWithOneOf = (prefixes: readonly string[], stream: string) => prefixes.some((prefix) => stream.startsWith(prefix));
