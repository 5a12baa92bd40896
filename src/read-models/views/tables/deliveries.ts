// Writes the table of deliveries: what became of each, by itself or with its batch.
import { asBatchId, asDeliveryId, type BatchId, type DeliveryId } from '../../../domain/ids.ts';
import { batchIdIn, deliveryIdIn, messageIdIn } from '../../../domain/streams.ts';
import { deliveryIdOf } from '../../../event-store/id-generation.ts';
import type { Transaction } from '../../engine/database/database.ts';
import type { ViewsSchema } from '../schema.ts';
import type { AcceptedViewEvent, AttemptedViewEvent, ViewEvent } from '../view-event.ts';
import type { DeliveryRow } from './deliveries-table.ts';
import { idKey } from './id-key.ts';
import type { OpenDeliveries } from './open-deliveries.ts';
import type { Handlers, Reducer } from './reducer.ts';
import type { Sequences } from './sequences.ts';
import { momentOf } from './table.ts';

/** What events change in a delivery. */
type Changes = Partial<
  Pick<
    DeliveryRow,
    'batch_sequence' | 'replay_id' | 'status' | 'attempt_count' | 'next_attempt_at' | 'last_response_code' | 'last_failure' | 'ended_at'
  >
>;

/** Of a delivery to which no attempt was made. */
const untried = {
  attempt_count: 0,
  last_response_code: null,
  last_failure: null,
} as const;

const attempted = ({ data: { attempt, responseCode, failure } }: AttemptedViewEvent) => ({
  attempt_count: attempt,
  last_response_code: responseCode ?? null,
  last_failure: failure ?? null,
});
type OfDeliveryOrBatch = Extract<ViewEvent, { readonly type: `${'delivery' | 'batch'}.${string}` }>;
type OfType<T extends string> = Extract<OfDeliveryOrBatch, { readonly type: `${'delivery' | 'batch'}.${T}` }>;

/** A delivery, by its sequence, and its event type. */
type Member = { readonly sequence: number; readonly type: string };
/** Of deliveries that change in this batch of events: themselves; of batches: their deliveries. By the id of the delivery or batch. */
export type MembersOf = (tx: Transaction<ViewsSchema>, ids: readonly string[]) => Promise<ReadonlyMap<string, readonly Member[]>>;

export class DeliveryReducer implements Reducer {
  /** Deliveries that begin in this batch of events. Later events change these rows, and one insert writes them. */
  private readonly begun = new Map<DeliveryId, DeliveryRow>();
  /** What changes in deliveries that began earlier: one update each, however many events there are. */
  private readonly earlier = new Map<DeliveryId, Changes>();
  /** Batches that are closed in this batch of events, with those of their deliveries that begin in it. */
  private readonly closed = new Map<BatchId, { readonly sequence: number; readonly begun: readonly DeliveryRow[] }>();
  /** What changes in the deliveries of a batch. */
  private readonly ofBatches = new Map<BatchId, Changes>();
  /** Of deliveries and batches that began earlier, once they are looked up. */
  private readonly found = new Map<string, number>();
  private readonly types = new Map<string, string>();

  /** @param open left out: every earlier delivery is looked up in the table */
  constructor(
    private readonly sequences: Sequences,
    private readonly open?: OpenDeliveries,
  ) {}

  readonly on: Handlers = {
    'message.accepted': (event) => this.accept(event),
    'batch.closed': (event) => this.close(event),
    'delivery.attempt-succeeded': (event) => this.succeed(event),
    'batch.attempt-succeeded': (event) => this.succeed(event),
    'delivery.attempt-failed': (event) => this.fail(event),
    'batch.attempt-failed': (event) => this.fail(event),
    'delivery.exhausted': (event) => this.end(event, 'FAILED'),
    'batch.exhausted': (event) => this.end(event, 'FAILED'),
    'delivery.cancelled': (event) => this.end(event, 'CANCELLED'),
    'batch.cancelled': (event) => this.end(event, 'CANCELLED'),
    'delivery.retry-requested': (event) => this.reopen(event),
    'batch.retry-requested': (event) => this.reopen(event),
    'delivery.replay-requested': (event) => (event.data.messageType === undefined ? this.replay(event) : this.beginByReplay(event)),
    'batch.replay-requested': (event) => this.replay(event),
  };

  /** Of a delivery or batch that changes in this batch of events, once `write` is done. */
  sequenceOf(id: string): number | undefined {
    return this.begun.get(asDeliveryId(id))?.sequence ?? this.closed.get(asBatchId(id))?.sequence ?? this.found.get(id);
  }

  /** Once `write` is done. */
  readonly membersOf: MembersOf = async (tx, ids) => {
    const members = new Map<string, Member[]>();
    const batches = new Map<number, string>();
    for (const id of ids) {
      const sequence = this.sequenceOf(id);
      if (sequence === undefined) continue;
      const type = this.begun.get(asDeliveryId(id))?.event_type ?? this.types.get(id);
      if (type === undefined) batches.set(sequence, id);
      else members.set(id, [{ sequence, type }]);
    }
    for (const { batch_sequence, sequence, event_type } of await tx.find(
      'deliveries',
      'batch_sequence',
      [...batches.keys()],
      ['batch_sequence', 'sequence', 'event_type'],
    )) {
      const id = batches.get(batch_sequence ?? -1);
      if (id !== undefined) members.set(id, [...(members.get(id) ?? []), { sequence, type: event_type }]);
    }
    return members;
  };

  // ── Events ──

  private accept(event: AcceptedViewEvent): void {
    const messageId = messageIdIn(event.stream);
    const { organizationId, type, destinations, test } = event.data;
    const acceptedAt = momentOf(event.recordedAt);
    const first = this.sequences.of(event);
    for (const [i, { endpointId, notBefore }] of destinations.entries()) {
      const id = deliveryIdOf(messageId, endpointId);
      this.begun.set(id, {
        sequence: first + i,
        id,
        id_key: idKey(id),
        organization_id: organizationId,
        message_id: messageId,
        endpoint_id: endpointId,
        event_type: type,
        batch_sequence: null,
        replay_id: null,
        status: 'PENDING',
        test: test ? 1 : 0,
        ...untried,
        next_attempt_at: notBefore === undefined ? acceptedAt : Date.parse(notBefore),
        created_at: acceptedAt,
        ended_at: null,
      });
    }
  }

  private close(event: OfType<'closed'>): void {
    const { endpointId, messages } = event.data;
    const sequence = this.sequences.of(event);
    const begun: DeliveryRow[] = [];
    for (const messageId of messages) {
      const id = deliveryIdOf(messageId, endpointId);
      const row = this.begun.get(id);
      if (row) begun.push(row);
      this.change(id, { batch_sequence: sequence });
    }
    this.closed.set(batchIdIn(event.stream), { sequence, begun });
  }

  private succeed(event: AttemptedViewEvent): void {
    const { startedAt, durationMs } = event.data;
    this.changeBy(event, {
      ...attempted(event),
      status: 'SUCCEEDED',
      next_attempt_at: null,
      ended_at: Date.parse(startedAt) + Math.round(durationMs), // as `attemptEndedAt`, without a text in between
    });
  }

  private fail(event: AttemptedViewEvent): void {
    const { retryAt } = event.data;
    const made = attempted(event);
    // Without a next attempt, `exhausted` follows; or the delivery was cancelled before, and stays cancelled.
    if (retryAt === undefined) this.changeBy(event, made);
    else this.changeBy(event, { ...made, status: 'RETRYING', next_attempt_at: Date.parse(retryAt), ended_at: null });
  }

  private end(event: OfType<'exhausted' | 'cancelled'>, status: 'FAILED' | 'CANCELLED'): void {
    this.changeBy(event, { status, next_attempt_at: null, ended_at: Date.parse(event.data.at) });
  }

  private reopen(event: OfType<'retry-requested' | 'replay-requested'>): void {
    this.changeBy(event, { status: 'PENDING', next_attempt_at: Date.parse(event.data.at), ended_at: null });
  }

  private replay(event: OfType<'replay-requested'>): void {
    this.reopen(event);
    this.changeBy(event, { replay_id: event.data.replayId });
  }

  /** To an endpoint that the message was not routed to. */
  private beginByReplay(event: Extract<ViewEvent, { readonly type: 'delivery.replay-requested' }>): void {
    const { organizationId, messageId, endpointId, messageType = '', replayId, at } = event.data;
    const id = deliveryIdIn(event.stream);
    this.begun.set(id, {
      sequence: this.sequences.of(event),
      id,
      id_key: idKey(id),
      organization_id: organizationId,
      message_id: messageId,
      endpoint_id: endpointId,
      event_type: messageType,
      batch_sequence: null,
      replay_id: replayId,
      status: 'PENDING',
      test: 0,
      ...untried,
      next_attempt_at: Date.parse(at),
      created_at: momentOf(event.recordedAt),
      ended_at: null,
    });
  }

  private changeBy({ type, stream }: OfDeliveryOrBatch, changes: Changes): void {
    if (!type.startsWith('batch.')) return this.change(deliveryIdIn(stream), changes);
    const id = batchIdIn(stream);
    for (const row of this.closed.get(id)?.begun ?? []) Object.assign(row, changes);
    merge(this.ofBatches, id, changes);
  }

  private change(id: DeliveryId, changes: Changes): void {
    const row = this.begun.get(id);
    if (row) Object.assign(row, changes);
    else merge(this.earlier, id, changes);
  }

  /** It waits for others of its ordering key. Call before `write`. */
  wait(id: DeliveryId): void {
    const row = this.begun.get(id);
    if (!row) merge(this.earlier, id, { status: 'WAITING' });
    else if (row.status === 'PENDING') row.status = 'WAITING';
  }

  /** It may have waited. Call before `write`. */
  stopWaiting(id: DeliveryId): void {
    const row = this.begun.has(id) ? undefined : (this.earlier.get(id) ?? {});
    if (row && row.status === undefined) merge(this.earlier, id, { status: 'PENDING' });
  }

  // ── Rows ──

  async write(tx: Transaction<ViewsSchema>): Promise<void> {
    await tx.insert('deliveries', [...this.begun.values()]);
    await this.lookUpDeliveries(tx);
    await this.lookUpBatches(tx);
    await this.update(tx, 'sequence', this.earlier);
    // After the deliveries: some have just joined these batches.
    await this.update(tx, 'batch_sequence', this.ofBatches);
    this.remember();
  }

  private async lookUpDeliveries(tx: Transaction<ViewsSchema>): Promise<void> {
    const unknown: DeliveryId[] = [];
    for (const id of this.earlier.keys()) {
      const known = this.open?.find(id);
      if (!known) unknown.push(id);
      else this.find(id, known.sequence, known.type);
    }
    for (const { id, sequence, event_type } of await tx.find('deliveries', 'id_key', unknown.map(idKey), ['id', 'sequence', 'event_type']))
      this.find(id, sequence, event_type);
  }

  private find(id: DeliveryId, sequence: number, type: string): void {
    this.found.set(id, sequence);
    this.types.set(id, type);
  }

  private async lookUpBatches(tx: Transaction<ViewsSchema>): Promise<void> {
    const unknown = [...this.ofBatches.keys()].filter((id) => !this.closed.has(id));
    for (const { id, sequence } of await tx.find('batches', 'id_key', unknown.map(idKey), ['id', 'sequence'])) this.found.set(id, sequence);
  }

  /** All rows of one statement have the same columns. */
  private async update(
    tx: Transaction<ViewsSchema>,
    key: 'sequence' | 'batch_sequence',
    changes: ReadonlyMap<DeliveryId | BatchId, Changes>,
  ): Promise<void> {
    const alike = new Map<string, Changes[]>();
    for (const [id, changed] of changes) {
      const sequence = this.sequenceOf(id);
      if (sequence === undefined) continue;
      const columns = Object.keys(changed).join();
      const rows = alike.get(columns);
      const row = { [key]: sequence, ...changed };
      if (rows) rows.push(row);
      else alike.set(columns, [row]);
    }
    for (const rows of alike.values()) await tx.update('deliveries', [key], rows as Pick<DeliveryRow, typeof key>[]);
  }

  private remember(): void {
    if (!this.open) return;
    for (const { id, sequence, event_type, ended_at } of this.begun.values())
      if (ended_at === null) this.open.open(id, sequence, event_type);
    for (const [id, { ended_at }] of this.earlier) if (typeof ended_at === 'number') this.open.end(id);
    this.open.forgetOldest();
  }
}

const merge = <K>(all: Map<K, Changes>, key: K, changes: Changes): void => {
  const before = all.get(key);
  if (before) Object.assign(before, changes);
  else all.set(key, changes);
};
