// Brings tables that are behind up to a position of the log. Writes rows and does nothing else.
import type { Position } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import type { Consumer, EventHeader } from './consumer.ts';
import type { CheckpointSchema, Tables, Transaction } from './database/database.ts';
import type { Progress } from './progress.ts';

export const applyRowsOnly = <S extends CheckpointSchema, Retained extends EventHeader>(
  consumer: Consumer<S, Retained>,
  batch: readonly Retained[],
  tx: Transaction<S>,
) => (consumer.applyRowsOnly ? consumer.applyRowsOnly(batch, tx) : consumer.apply(batch, tx));

/** Reads the log's events after `from`, up to and including `to`. The log must hold `to`. */
export async function* readUpTo(
  to: Position,
  store: Pick<EventStore, 'follow'>,
  from: Position | undefined,
  signal: AbortSignal,
  batchSize: number,
): AsyncGenerator<readonly RecordedEvent[]> {
  if (from !== undefined && from >= to) return;
  for await (const batch of store.follow(from, { signal, batchSize })) {
    const last = batch.at(-1);
    if (last === undefined) continue;
    if (last.position <= to) yield batch;
    else {
      const within = batch.filter(({ position }) => position <= to);
      if (within.length > 0) yield within;
    }
    if (last.position >= to) return;
  }
}

/**
 * Catches a new build up with the tables in use.
 * @returns false when the new build is ahead of them
 */
export const catchUp = async <S extends CheckpointSchema, Retained extends EventHeader>(
  newest: Tables<S>,
  inUse: Pick<Progress, 'position'>,
  consumer: Consumer<S, Retained>,
  store: Pick<EventStore, 'follow'>,
  signal: AbortSignal,
  batchSize: number,
): Promise<boolean> => {
  const from = await newest.checkpoint();
  const to = inUse.position;
  if (to === undefined || (from !== undefined && from > to)) return from === undefined;
  for await (const events of readUpTo(to, store, from, signal, batchSize)) {
    const batch = events.map((event) => consumer.receive(event, false));
    await newest.transaction((tx) => applyRowsOnly(consumer, batch, tx), events.at(-1)?.position);
  }
  return (await newest.checkpoint()) === to;
};
