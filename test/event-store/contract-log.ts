// The log that the contract suite runs on, and what its rules share.
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach } from 'vitest';
import type { Position } from '../../src/domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../src/event-store/event-store.ts';

/** One log, which keeps what is written to it until it is discarded. */
export type LogUnderTest = {
  /** Opens the log, and again after it was closed or its process killed. */
  open(): Promise<EventStore>;
  /** Removes all that it has written. */
  discard(): Promise<void>;
  /** Puts an event into the (closed) log that no version of Hookledger can read, as revision 0 of a stream. */
  writeUnreadable?(stream: string): Promise<void>;
  /**
   * Runs `appendPairs` against the log in a process, or against a server, that is killed with SIGKILL in the midst of it.
   * Answers the pairs that were acknowledged.
   */
  appendPairsUntilKilled?(): Promise<readonly string[]>;
};

export type SmallDisk = LogUnderTest & { fill(): Promise<void>; free(): Promise<void> };

export const newStream = () => `endpoint-${randomUUID()}`;
export const ids = (events: readonly { id: string }[]) => events.map(({ id }) => id);

/** Follows until `count` events have come. */
export const take = async (store: EventStore, after: Position | undefined, count: number, batchSize?: number): Promise<RecordedEvent[]> => {
  const ending = new AbortController();
  const events: RecordedEvent[] = [];
  if (count === 0) return events;
  for await (const batch of store.follow(after, { signal: ending.signal, ...(batchSize === undefined ? {} : { batchSize }) })) {
    events.push(...batch);
    if (events.length >= count) ending.abort();
  }
  return events;
};

export let log: LogUnderTest;
export let store: EventStore;
export let start: Position | undefined;
/** A log of its own for each test. */
export const setUp = (create: () => Promise<LogUnderTest>): void => {
  beforeEach(async () => {
    log = await create();
    store = await log.open();
    start = await store.tip();
  });
  afterEach(async () => {
    await store.close();
    await log.discard();
  });
};

/** After it was closed, or its process killed. */
export const reopenLog = async (): Promise<void> => {
  store = await log.open();
};
