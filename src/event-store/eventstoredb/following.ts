// Following: a subscription to our streams in the whole log, made anew after what was handled last, as often as it takes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../codec.ts';
import { LogUnavailable } from '../event-store.ts';
import { CallFailed } from './client-thread.ts';
import type { EventOnServer } from './client.worker.ts';
import type { TipFinder } from './tip-finder.ts';
import type { LogServer } from './log-server.ts';

export type FollowedLog = {
  readonly server: LogServer;
  readonly prefixes: readonly string[];
  /** Nothing of the log stands before it. */
  readonly begin: Position;
  readonly end: TipFinder;
};

/** A server that does not say where a subscription stands is asked after so long a silence. */
const silenceMs = 500;

/** What a subscription brought: events, and the place up to which they are all that there is. `silent`: nothing came for `silenceMs`. */
export type SubscriptionBatch = { readonly events: readonly EventOnServer[]; readonly through: Position; readonly silent: boolean };

/**
 * The events of streams whose names begin with one of `prefixes`, in log order, for ever: a subscription, made anew after what was handled last,
 * as often as it takes. What the server has passed over is told without events. Ends when `signal` aborts.
 */
export async function* followServer(
  { server, prefixes }: Pick<FollowedLog, 'server' | 'prefixes'>,
  after: Position | undefined,
  {
    signal,
    batchSize,
    silenceMs,
  }: { readonly signal: AbortSignal; readonly batchSize: number; readonly silenceMs?: () => number | undefined },
): AsyncGenerator<SubscriptionBatch> {
  let handled = after;
  let failures = 0;
  while (!signal.aborted) {
    // 1. Subscribe. What a subscription gave and nobody took is given by the next one.
    const following = server.subscribe({ after: handled, prefixes });
    try {
      for (;;) {
        const items = await following.take(batchSize, signal, silenceMs?.());
        if (signal.aborted) return;
        if (items === undefined) break;
        const events: EventOnServer[] = [];
        let through = handled;
        for (const item of items) {
          if (!('through' in item)) events.push(item);
          const position = 'through' in item ? item.through : item.position;
          if (through === undefined || position > through) through = position;
        }
        if (through !== undefined) yield { events, through, silent: items.length === 0 };
        // 2. Only what was handled counts: the reader has come back for more.
        handled = through;
        if (items.length > 0) failures = 0;
      }
    } catch (error) {
      // A reader that is too slow is dropped by the server; that is no failure of the server's, unless it happens at once again.
      const dropped = error instanceof CallFailed && error.failure.type === 'timeout' && failures === 0;
      if (!dropped) server.reportFailure(error);
    } finally {
      following.close();
    }
    // 3. A server that stops ends its subscriptions without an error: the first time it is subscribed to again at once.
    failures += 1;
    if (failures > 1) await sleep(pauseMs(failures), undefined, { signal }).catch(() => {});
    await server.untilAvailable(signal);
  }
}

/**
 * Batches of 1..`batchSize` events of the log, for ever; with `tellEnd` also an empty one, once, when the end of the log was reached.
 * Ends when `signal` aborts. @throws RangeError when the position is not one of this log
 */
export async function* followLog(
  { server, prefixes, begin, end }: FollowedLog,
  after: Position | undefined,
  { signal, batchSize, tellEnd }: { readonly signal: AbortSignal; readonly batchSize: number; readonly tellEnd: boolean },
): AsyncGenerator<readonly StoredEvent[]> {
  // 1. Where the log ends now: no position of this log lies behind it, and who asked is told when it was reached.
  const last = await untilAnswered(server, signal, () => server.read((thread, timeoutMs) => end.find(thread, timeoutMs)));
  if (signal.aborted) return;
  if (after !== undefined && after > (last ?? begin))
    throw new RangeError(`Position ${after} lies behind the end of this log: it belongs to another one, or to a later copy of this one.`);
  let handled = after !== undefined && after > begin ? after : begin;
  let telling = tellEnd;
  const isEnd = () => telling && (last === undefined || handled >= last);
  if (isEnd()) {
    telling = false;
    yield [];
  }

  // 2. Follow.
  const silence = () => (telling ? silenceMs : undefined);
  for await (const { events, through, silent } of followServer({ server, prefixes }, handled, { signal, batchSize, silenceMs: silence })) {
    if (events.length > 0) yield events;
    handled = through;
    if (telling && silent && last !== undefined && (await nothingBetween(server, prefixes, handled, last))) handled = last;
    if (isEnd()) {
      telling = false;
      yield [];
    }
  }
}

const pauseMs = (failures: number) => Math.min(50 * 2 ** failures, 5_000) * (0.5 + Math.random() / 2);

/** Waits for as long as the server is away. */
const untilAnswered = async <T>(server: LogServer, signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> => {
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

/** Servers before 23.10 do not say how far a subscription is when it has caught up: is there anything that it could still bring? */
const nothingBetween = async (server: LogServer, prefixes: readonly string[], after: Position, upTo: Position): Promise<boolean> =>
  (await server.read((thread, timeoutMs) => thread.countBetween({ prefixes, after, upTo }, timeoutMs))) === 0;
