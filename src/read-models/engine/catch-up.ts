// Applies what the log holds to tables that are behind others: nothing is done but writing rows.
import type { Position } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { retainedOf, type Consumer, type EventHeader } from './consumer.ts';
import type { CheckpointSchema, Tables, Transaction } from './database/database.ts';
import type { Progress } from './progress.ts';

export const applyRowsOnly = <S extends CheckpointSchema, Retained extends EventHeader>(
  consumer: Consumer<S, Retained>,
  batch: readonly Retained[],
  tx: Transaction<S>,
) => (consumer.applyRowsOnly ? consumer.applyRowsOnly(batch, tx) : consumer.apply(batch, tx));

/** What the log holds after `from`, `to` included; it holds `to`. */
export async function* upTo(
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
 * Brings tables that were built anew to where the others are.
 * @returns false when they are further than those
 */
export const catchUp = async <S extends CheckpointSchema, Retained extends EventHeader>(
  anew: Tables<S>,
  others: Pick<Progress, 'position'>,
  consumer: Consumer<S, Retained>,
  store: Pick<EventStore, 'follow'>,
  signal: AbortSignal,
  batchSize: number,
): Promise<boolean> => {
  const from = await anew.checkpoint();
  const to = others.position;
  if (to === undefined || (from !== undefined && from > to)) return from === undefined;
  for await (const events of upTo(to, store, from, signal, batchSize)) {
    const kept = events.map((event) => retainedOf(consumer, event, false));
    await anew.transaction((tx) => applyRowsOnly(consumer, kept, tx), events.at(-1)?.position);
  }
  return (await anew.checkpoint()) === to;
};
