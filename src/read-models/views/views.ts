// The consumer that keeps the views: every table in one transaction with the checkpoint. What a batch changes is in changes.ts.
import type { Kysely } from 'kysely';
import type { EndpointId, Position, ReplayId } from '../../domain/ids.ts';
import type { DomainEvent } from '../../domain/catalog.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { Consumer } from '../engine/consumer.ts';
import type { Int64Type, Transaction } from '../engine/database/database.ts';
import { HistoryIndex } from '../history/history-index.ts';
import { viewEventOf, type ViewEvent } from './view-event.ts';
import { Changes, RunningDeliveries, type Row } from './changes.ts';
import { createTables, primaryKeys, queryIndexes, type ViewsSchema } from './schema.ts';
import { endpointIdIn, replayIdIn } from '../../domain/streams.ts';

export class Views implements Consumer<ViewsSchema, ViewEvent> {
  readonly name = 'views';
  readonly version = 4;
  readonly primaryKeys = primaryKeys;
  readonly queryIndexes = queryIndexes;
  private history = new HistoryIndex();
  /** What would be asked of the tables, where nobody else writes them. */
  private known: { readonly sequence: number; readonly running: RunningDeliveries } | undefined;

  constructor(
    private readonly listener: Pick<Consumer<ViewsSchema, ViewEvent>, 'onCommitted' | 'onCommittedElsewhere' | 'onCaughtUp'> = {},
  ) {}

  createTables(db: Kysely<ViewsSchema>, int64: Int64Type): Promise<void> {
    return createTables(db, int64);
  }

  receive(event: RecordedEvent): ViewEvent {
    return viewEventOf(event);
  }

  async apply(batch: readonly ViewEvent[], tx: Transaction<ViewsSchema>): Promise<void> {
    const known = tx.isOnlyWriter ? this.known : undefined;
    const sequence = known?.sequence ?? (await nextSequence(batch, tx));
    const running = tx.isOnlyWriter ? (known?.running ?? new RunningDeliveries()) : undefined;
    const changes = new Changes(sequence, await endpointsOf(batch, tx), await replaysOf(batch, tx), running);
    for (const event of batch) changes.add(event);
    await changes.write(tx);
    await this.history.apply(batch, tx);
    if (running && changes.nextSequence > 0) this.known = { sequence: changes.nextSequence, running };
  }

  clearCache(): void {
    this.history = new HistoryIndex();
    this.known = undefined;
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

/** The first number that no message, batch or delivery has taken. */
const nextSequence = async (batch: readonly ViewEvent[], { kysely }: Transaction<ViewsSchema>): Promise<number> => {
  if (!batch.some(({ type }) => sequenced.has(type))) return 0;
  const last = await kysely
    .selectFrom('messages')
    .select(['sequence', 'destinations'])
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  const lastBatch = await kysely.selectFrom('batches').select('sequence').orderBy('sequence', 'desc').limit(1).executeTakeFirst();
  // Those of a message stand at it, but those that a replay made.
  const lastDelivery = await kysely.selectFrom('deliveries').select('sequence').orderBy('sequence', 'desc').limit(1).executeTakeFirst();
  return Math.max(
    last ? last.sequence + Math.max(last.destinations, 1) : 0,
    lastBatch ? lastBatch.sequence + 1 : 0,
    lastDelivery ? lastDelivery.sequence + 1 : 0,
  );
};

const sequenced = new Set<string>(['message.accepted', 'batch.closed', 'delivery.replay-requested'] satisfies DomainEvent['type'][]);

/** The replays that the batch changes, as they stand. */
const replaysOf = async (batch: readonly ViewEvent[], { kysely }: Transaction<ViewsSchema>): Promise<Row<'replays'>[]> => {
  const ids = new Set<ReplayId>();
  for (const { type, stream } of batch) if (type.startsWith('replay.')) ids.add(replayIdIn(stream));
  return ids.size === 0
    ? []
    : kysely
        .selectFrom('replays')
        .selectAll()
        .where('id', 'in', [...ids])
        .execute();
};

/** The endpoints that the batch changes, as they stand. Their events are rare. */
const endpointsOf = async (batch: readonly ViewEvent[], { kysely }: Transaction<ViewsSchema>): Promise<Row<'endpoints'>[]> => {
  const ids = new Set<EndpointId>();
  for (const { type, stream } of batch) if (type.startsWith('endpoint.')) ids.add(endpointIdIn(stream));
  return ids.size === 0
    ? []
    : kysely
        .selectFrom('endpoints')
        .selectAll()
        .where('id', 'in', [...ids])
        .execute();
};
