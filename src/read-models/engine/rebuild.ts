// Rebuilds a consumer's tables from the log beside the live ones, compares both, and switches to the rebuilt ones. Sends nothing.
// Guarantee: the live tables are untouched until the switch. If interrupted, the next call resumes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { buildTablesUpTo, type BuildResult, type RebuildOptions } from './build-tables.ts';
import { checkpointOf, compare, digest, type Comparison } from './compare-tables.ts';
import type { Consumer, EventHeader } from './consumer.ts';
import type { CheckpointSchema, CreateTables, Database, NextTables, ReadOnlyTables } from './database/database.ts';

type Log = Pick<EventStore, 'tip' | 'follow'>;

/** Rounds of catching up with the live tables end once a round takes less than this, or after `mostRounds`. */
const closeEnoughSeconds = 1;
const mostRounds = 20;
/** How long to wait for a server to switch to the new build. It checks every second. */
const switchWithinMs = 60_000;

type Rebuilt = BuildResult & {
  readonly position: Position | undefined;
  /** Undefined: there was nothing to compare with. */
  readonly comparison: Comparison | undefined;
};

export type RebuildResult = Rebuilt & {
  readonly consumer: string;
  readonly version: number;
  /** Whether the old build is gone: a running server, if any, has switched to the new one. */
  readonly replaced: boolean;
};

/**
 * Works with or without a running server or replicas.
 * @returns undefined when it was aborted
 * @throws DatabaseUnusable while another process rebuilds the same tables, and for a consumer with `exclusiveVersion` while replicas run;
 * UndecodableEvent
 */
export const rebuild = async <S extends CheckpointSchema, Retained extends EventHeader = RecordedEvent>(
  consumer: Consumer<S, Retained>,
  log: Log,
  database: Database,
  options: RebuildOptions = {},
): Promise<RebuildResult | undefined> => {
  const { name, version, queryIndexes = [] } = consumer;
  const exclusiveVersion = consumer.exclusiveVersion === true;
  for (const each of await database.versions(name)) if (each !== version) await database.drop(name, each, 'next');
  const createTables: CreateTables<S> = (db, int64) => consumer.createTables(db, int64);
  const next = await database.openNext<S>(name, version, createTables, { queryIndexes, exclusiveVersion });
  const live = (await database.builds(name, version)).length > 0 ? await database.openReadOnly<S>(name, version) : undefined;
  let rebuilt: Rebuilt;
  try {
    rebuilt = await buildAndCompare(next, live, consumer, log, options);
  } finally {
    await live?.close();
    await next.close();
  }
  if (options.signal?.aborted) return undefined;

  const newest = await database.finishNext(name, version, { exclusiveVersion });
  const replaced = await waitUntilReplaced(database, consumer, newest, options.signal);
  return { consumer: name, version, ...rebuilt, replaced };
};

/** Stops early, without a comparison, when the signal aborts. */
const buildAndCompare = async <S extends CheckpointSchema, Retained extends EventHeader>(
  next: NextTables<S>,
  live: ReadOnlyTables<S> | undefined,
  consumer: Consumer<S, Retained>,
  log: Log,
  options: RebuildOptions,
): Promise<Rebuilt> => {
  let events = 0;
  let seconds = 0;
  let comparison: Comparison | undefined;
  const isAborted = () => options.signal?.aborted === true;
  const buildUpTo = async (to: Position | undefined): Promise<number> => {
    const before = events;
    const built = await buildTablesUpTo(to, next, consumer, log, {
      ...options,
      progress: (each) => options.progress?.({ ...each, events: before + each.events }),
    });
    events += built.events;
    seconds += built.seconds;
    return built.seconds;
  };

  // 1. Build up to the position of the live tables, which may advance meanwhile. Live tables that were lost and start over are behind: pass them.
  const start = await next.checkpoint();
  const liveIsBehind = live !== undefined && start !== undefined && ((await checkpointOf(live.read)) ?? '') < start;
  const goal = () => (live && !liveIsBehind ? checkpointOf(live.read) : log.tip());
  await buildUpTo(await goal());
  if (!isAborted()) seconds += await secondsOf(next.complete());
  for (let round = 0; round < mostRounds && !isAborted(); round++) if ((await buildUpTo(await goal())) < closeEnoughSeconds) break;

  // 2. Compare both at the same position, that of a snapshot of the live tables.
  if (live && !liveIsBehind && !isAborted()) {
    const showComparing = (share: number) => options.progress?.({ step: 'comparing', events, share });
    showComparing(0);
    const snapshot = await digest(live.read, consumer);
    await buildUpTo(snapshot.position);
    showComparing(0.5);
    if (!isAborted()) comparison = compare(snapshot, await digest(next.read, consumer));
    showComparing(1);
    await buildUpTo(await goal());
  }
  return { position: await next.checkpoint(), events, seconds, comparison };
};

const secondsOf = async (work: Promise<void>): Promise<number> => {
  const began = performance.now();
  await work;
  return (performance.now() - began) / 1000;
};

/** Drops older builds that no process has open. A process that has one open switches to the newest, and drops the older one. */
const waitUntilReplaced = async (
  database: Database,
  { name, version }: Pick<Consumer<CheckpointSchema>, 'name' | 'version'>,
  newest: number,
  signal: AbortSignal | undefined,
): Promise<boolean> => {
  for (const giveUp = performance.now() + switchWithinMs; performance.now() < giveUp; await sleep(200)) {
    if (signal?.aborted) break;
    const older = (await database.builds(name, version)).filter((each) => each < newest);
    if (older.length === 0) return true;
    for (const each of older) await database.dropUnused(name, version, each);
  }
  return false;
};
