// The consumer that keeps the views up to date: all tables and the checkpoint in one transaction. The tables and their reducers are in schema.ts.
import type { Kysely } from 'kysely';
import type { Position } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { Consumer } from '../engine/consumer.ts';
import type { Int64Type, Transaction } from '../engine/database/database.ts';
import { createTables, primaryKeys, queryIndexes, reducersOf, type ViewsSchema } from './schema.ts';
import { HistoryIndex } from './tables/history.ts';
import { OpenDeliveries } from './tables/open-deliveries.ts';
import { handlersByType } from './tables/reducer.ts';
import type { MayHaveRows } from '../ordering/ordered-deliveries.ts';
import { nextSequence, Sequences } from './tables/sequences.ts';
import { viewEventOf, type ViewEvent } from './view-event.ts';

export class Views implements Consumer<ViewsSchema, ViewEvent> {
  readonly name = 'views';
  readonly version = 19;
  readonly primaryKeys = primaryKeys;
  readonly queryIndexes = queryIndexes;
  private history = new HistoryIndex();
  /** Only used while no other process writes the tables. */
  private mayHaveOrdered: MayHaveRows = { current: undefined };
  /** What the tables would answer. Only used while no other process writes them. */
  private cache: { readonly nextSequence: number; readonly open: OpenDeliveries } | undefined;

  constructor(
    private readonly listener: Pick<Consumer<ViewsSchema, ViewEvent>, 'onCommitted' | 'onCommittedElsewhere' | 'onCaughtUp'> = {},
  ) {}

  createTables(db: Kysely<ViewsSchema>, int64: Int64Type): Promise<void> {
    return createTables(db, int64);
  }

  receive(event: RecordedEvent): ViewEvent {
    return viewEventOf(event);
  }

  /** A message to many endpoints is many deliveries. */
  weightOf(event: ViewEvent): number {
    return event.type === 'message.accepted' ? 1 + event.data.destinations.length : 1;
  }

  async apply(batch: readonly ViewEvent[], tx: Transaction<ViewsSchema>): Promise<void> {
    const cache = tx.isOnlyWriter ? this.cache : undefined;
    const open = tx.isOnlyWriter ? (cache?.open ?? new OpenDeliveries()) : undefined;
    const sequences = new Sequences(cache?.nextSequence ?? (await nextSequence(batch, tx)));
    const reducers = reducersOf(batch, sequences, open, tx.isOnlyWriter ? this.mayHaveOrdered : { current: undefined });
    const handlers = handlersByType(reducers);
    for (const event of batch) for (const handle of handlers.get(event.type) ?? []) handle(event);
    for (const reducer of reducers) await reducer.write(tx);
    await this.history.apply(batch, tx);
    if (open && sequences.next > 0) this.cache = { nextSequence: sequences.next, open };
  }

  clearCache(): void {
    this.history = new HistoryIndex();
    this.mayHaveOrdered = { current: undefined };
    this.cache = undefined;
  }

  onCommitted(batch: readonly ViewEvent[], live: boolean): void {
    this.listener.onCommitted?.(batch, live);
  }

  onCaughtUp(): void {
    this.listener.onCaughtUp?.();
  }

  onCommittedElsewhere(position: Position): void {
    this.listener.onCommittedElsewhere?.(position);
  }
}
