// Fills tables from the log, many events to a transaction. Writes rows and does nothing else.
import type { Position } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { applyRowsOnly, readUpTo } from './catch-up.ts';
import type { Consumer, EventHeader } from './consumer.ts';
import type { CheckpointSchema, Tables } from './database/database.ts';

export type BuildResult = {
  /** How many events were applied. */
  readonly events: number;
  readonly seconds: number;
};

type RebuildProgress = {
  readonly step: 'building' | 'comparing';
  readonly events: number;
  /** The finished part of this step, from 0 to 1. */
  readonly share: number;
};

export type RebuildOptions = {
  /** Called after each transaction. */
  readonly progress?: (progress: RebuildProgress) => void;
  /** When it aborts, the build stops. The next one resumes from there. */
  readonly signal?: AbortSignal;
};

/** At most; a read is bounded in bytes too. Only what the consumer retains of the events stays in memory. */
export const eventsPerRead = 500;
/** Fewer transactions write each index page fewer times. */
const readsPerTransaction = 20;

export const neverAborts = new AbortController().signal;

/** Applies batches that begin at the tables' checkpoint. Stops early when the signal aborts. */
export const buildTables = async <S extends CheckpointSchema, Retained extends EventHeader>(
  tables: Tables<S>,
  consumer: Consumer<S, Retained>,
  batches: AsyncIterable<readonly RecordedEvent[]>,
  shareAt: (last: EventHeader) => number,
  { progress = () => undefined, signal }: RebuildOptions = {},
): Promise<BuildResult> => {
  const began = performance.now();
  let events = 0;
  for await (const batch of readAhead(gather(consumer, batches))) {
    const last = batch.at(-1);
    if (last === undefined) continue;
    await tables.transaction((tx) => applyRowsOnly(consumer, batch, tx), last.position);
    events += batch.length;
    progress({ step: 'building', events, share: shareAt(last) });
    if (signal?.aborted) break;
  }
  await tables.checkpoint(); // waits until everything is committed
  return { events, seconds: (performance.now() - began) / 1000 };
};

/** Builds up to and including `to`; undefined: builds nothing. */
export const buildTablesUpTo = async <S extends CheckpointSchema, Retained extends EventHeader>(
  to: Position | undefined,
  tables: Tables<S>,
  consumer: Consumer<S, Retained>,
  log: Pick<EventStore, 'follow'>,
  options: RebuildOptions = {},
): Promise<BuildResult> => {
  if (to === undefined) return { events: 0, seconds: 0 };
  const batches = readUpTo(to, log, await tables.checkpoint(), options.signal ?? neverAborts, eventsPerRead);
  return buildTables(tables, consumer, batches, ({ position }) => shareOf(position, to), options);
};

/** How far `position` is on the way to `end`, from 0 to 1. In every log, positions sort like the hexadecimal numbers that their digits spell. */
export const shareOf = (position: Position, end: Position) =>
  Math.min(1, Number.parseInt(position, 16) / Math.max(1, Number.parseInt(end, 16)));

/** Gathers several reads into one batch, keeping only what the consumer retains. */
async function* gather<S extends CheckpointSchema, Retained extends EventHeader>(
  consumer: Consumer<S, Retained>,
  batches: AsyncIterable<readonly RecordedEvent[]>,
): AsyncGenerator<readonly Retained[]> {
  let gathered: Retained[] = [];
  let reads = 0;
  for await (const batch of batches) {
    for (const event of batch) gathered.push(consumer.receive(event, false));
    if (++reads % readsPerTransaction !== 0) continue;
    yield gathered;
    gathered = [];
  }
  yield gathered;
}

/** Requests the next batch before yielding the current one: one is read while the other is written. */
async function* readAhead<T>(batches: AsyncIterable<T>): AsyncGenerator<T> {
  const reading = batches[Symbol.asyncIterator]();
  let next = reading.next();
  next.catch(() => undefined); // thrown below, when its turn comes
  try {
    for (let read = await next; !read.done; read = await next) {
      next = reading.next();
      next.catch(() => undefined);
      yield read.value;
    }
  } finally {
    await reading.return?.();
  }
}
