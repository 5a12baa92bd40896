// Following the log on a server: a subscription to our streams, renewed as often as needed after the last handled event.
import type { Position } from '../../domain/ids.ts';
import { Backoff } from '../../backoff.ts';
import type { StoredEvent } from '../codec.ts';
import { LogUnavailable } from '../event-store.ts';
import { CallFailed } from './call-failed.ts';
import type { EventOnServer, SubscriptionItem } from './client/messages.ts';
import type { LogServer } from './log-server.ts';
import type { TipFinder } from './tip-finder.ts';

export type FollowedLog = {
  readonly server: LogServer;
  readonly prefixes: readonly string[];
  /** No event of the log comes before it. */
  readonly begin: Position;
  readonly tipFinder: TipFinder;
};

/** `through`: the server has no other events up to this position. `silent`: nothing came for `silenceMs`. */
type SubscriptionBatch = { readonly events: readonly EventOnServer[]; readonly through: Position; readonly silent: boolean };

type SubscriptionOptions = {
  readonly signal: AbortSignal;
  readonly batchSize: number;
  readonly silenceMs?: () => number | undefined;
};

/**
 * The events of all streams with one of the prefixes, in log order, for ever. Renews the subscription after the last handled event as often as
 * needed. Batches without events report how far the server has searched. Ends when `signal` aborts.
 */
export async function* followServer(
  { server, prefixes }: Pick<FollowedLog, 'server' | 'prefixes'>,
  after: Position | undefined,
  { signal, batchSize, silenceMs }: SubscriptionOptions,
): AsyncGenerator<SubscriptionBatch> {
  let handled = after;
  let failures = 0;
  const backoff = new Backoff({ firstMs: 200, longestMs: 5_000 });
  while (!signal.aborted) {
    // 1. Subscribe. Events that the previous subscription sent but nobody took come again.
    const subscription = server.subscribe({ after: handled, prefixes });
    try {
      for (;;) {
        const items = await subscription.take(batchSize, signal, silenceMs?.());
        if (signal.aborted) return;
        if (items === undefined) break;
        const { events, through } = toBatch(items, handled);
        if (through !== undefined) yield { events, through, silent: items.length === 0 };
        // 2. The reader has asked for more, so it has handled these.
        handled = through;
        if (items.length > 0) {
          failures = 0;
          backoff.reset();
        }
      }
    } catch (error) {
      // The server drops a reader that is too slow. That is no outage, unless it happens again at once.
      const dropped = error instanceof CallFailed && error.failure.type === 'timeout' && failures === 0;
      if (!dropped) server.reportFailure(error);
    } finally {
      subscription.close();
    }
    // 3. A server that stops ends its subscriptions without an error, so the first renewal needs no pause.
    failures += 1;
    if (failures > 1) await backoff.pause(signal);
    await server.untilAvailable(signal);
  }
}

const toBatch = (items: readonly SubscriptionItem[], handled: Position | undefined) => {
  const events: EventOnServer[] = [];
  let through = handled;
  for (const item of items) {
    const isEvent = !('through' in item);
    if (isEvent) events.push(item);
    const position = isEvent ? item.position : item.through;
    if (through === undefined || position > through) through = position;
  }
  return { events, through };
};

/** A server that does not report how far a subscription has come is asked after this much silence. */
const silenceMs = 500;

/** `through`: the log has no other events up to this position. `isEnd`: this is where it ended when following began; said once. */
export type LogBatch = { readonly events: readonly StoredEvent[]; readonly through: Position; readonly isEnd: boolean };

/**
 * The log in batches of up to `batchSize` events, for ever; those without events say how far the server has searched.
 * Ends when `signal` aborts. @throws RangeError if the position is not one of this log
 */
export async function* followLog(
  { server, prefixes, begin, tipFinder }: FollowedLog,
  after: Position | undefined,
  { signal, batchSize, announceEnd }: { readonly signal: AbortSignal; readonly batchSize: number; readonly announceEnd: boolean },
): AsyncGenerator<LogBatch> {
  // 1. Find the current end of the log, to check the position and to announce the end.
  const last = await whenAvailable(server, signal, () => server.read((thread, timeoutMs) => tipFinder.find(thread, timeoutMs)));
  if (signal.aborted) return;
  if (after !== undefined && after > (last ?? begin))
    throw new RangeError(`Position ${after} is past the end of this log: it belongs to another log, or to a later copy of this one.`);
  let through = after !== undefined && after > begin ? after : begin;
  let announcing = announceEnd;
  const takeEnd = () => {
    const isEnd = announcing && (last === undefined || through >= last);
    if (isEnd) announcing = false;
    return isEnd;
  };
  if (takeEnd()) yield { events: [], through, isEnd: true };

  // 2. Follow.
  const options = { signal, batchSize, silenceMs: () => (announcing ? silenceMs : undefined) };
  for await (const batch of followServer({ server, prefixes }, through, options)) {
    through = batch.through;
    if (announcing && batch.silent && last !== undefined && (await hasNoneBetween(server, prefixes, through, last))) through = last;
    yield { events: batch.events, through, isEnd: takeEnd() };
  }
}

/** Repeats `work` while the server is unavailable. */
const whenAvailable = async <T>(server: LogServer, signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> => {
  while (!signal.aborted) {
    await server.untilAvailable(signal);
    if (signal.aborted) break;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
    }
  }
  return undefined;
};

/** Servers before 23.10 don't report how far a subscription has come once it has caught up, so the events left in between are counted. */
const hasNoneBetween = async (server: LogServer, prefixes: readonly string[], after: Position, upTo: Position): Promise<boolean> =>
  (await server.read((thread, timeoutMs) => thread.count({ prefixes, after, upTo }, timeoutMs))) === 0;
