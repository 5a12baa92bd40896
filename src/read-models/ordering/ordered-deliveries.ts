// Ordered deliveries: the deliveries that take turns under one ordering key of an endpoint, from their acceptance until their turn ends.
// The first of a key has the turn; the others wait, as rows. The delivery saga and the views each keep such a table, by the same rules.
// Guarantee: what the rows are after some events depends on the events alone, not on how they are cut into batches.
import type { BatchId, DeliveryId, EndpointId, Position } from '../../domain/ids.ts';
import type { CheckpointSchema, Transaction } from '../engine/database/database.ts';

export type OrderedDeliveryRow = {
  readonly id: DeliveryId;
  /** What ends its turn: the delivery itself, or the batch that it goes in. */
  readonly unit: DeliveryId | BatchId;
  /** The endpoint and the ordering key. */
  readonly queue: string;
  /** Its place in the queue: the position of its message. */
  readonly place: Position;
  readonly endpoint_id: EndpointId;
  /** JSON of what is needed when its turn comes. */
  readonly detail: string | null;
};

export type OrderedDeliveriesSchema = CheckpointSchema & { readonly ordered_deliveries: OrderedDeliveryRow };

/** @param key empty where the endpoint takes all its messages one after the other */
export const queueOf = (endpointId: EndpointId, key: string): string => `${endpointId} ${key}`;
export const keyOf = (queue: string): string => queue.slice(queue.indexOf(' ') + 1);

/** Whose turn it is after some events. */
type Turns = {
  /** Deliveries that have got the turn: the one before them has ended, or there was none. */
  readonly begun: readonly OrderedDeliveryRow[];
  /** Deliveries that wait, or go with their batch, of those that were accepted among these events and of those asked about. */
  readonly waiting: readonly DeliveryId[];
  /** Deliveries that went into a batch, perhaps while they waited. */
  readonly joined: readonly DeliveryId[];
  /** Endpoints that were deleted: nobody waits there any more. */
  readonly released: readonly EndpointId[];
};

const noTurns: Turns = { begun: [], waiting: [], joined: [], released: [] };
const columns = ['id', 'unit', 'queue', 'place', 'endpoint_id', 'detail'] as const;

/** Whether there may be any rows: as long as no endpoint asks for an order, there is nothing to look up. */
export type MayHaveRows = { current: boolean | undefined };

/** Collects what some events change, and writes it with a few statements. */
export class OrderChanges {
  private readonly accepted = new Map<DeliveryId, OrderedDeliveryRow>();
  /** In which order they ended. */
  private readonly ended = new Map<DeliveryId | BatchId, number>();
  /** `after`: how many had ended before that. */
  private readonly joins = new Map<DeliveryId, { readonly batch: BatchId; readonly after: number }>();
  private readonly asked = new Map<DeliveryId, { readonly detail: string | null; readonly after: number }>();
  private readonly deleted = new Set<EndpointId>();

  accept(row: OrderedDeliveryRow): void {
    this.accepted.set(row.id, row);
  }

  /**
   * The turn of a delivery, or of all deliveries of a batch, has ended. Others may be named, too: those that were never ordered, and deliveries in a
   * batch, whose turn ends with the batch.
   */
  end(unit: DeliveryId | BatchId): void {
    if (!this.ended.has(unit)) this.ended.set(unit, this.ended.size);
  }

  /** A delivery that was cancelled while the batch was being closed is in the batch, but takes no turn any more. */
  join(batch: BatchId, deliveries: readonly DeliveryId[]): void {
    for (const id of deliveries)
      if (!this.ended.has(this.joins.get(id)?.batch ?? id)) this.joins.set(id, { batch, after: this.ended.size });
  }

  /** Asks whether the delivery waits, for its turn or in a batch. @param detail replaces that of its row if it does */
  ask(id: DeliveryId, detail: string | null): void {
    this.asked.set(id, { detail, after: this.ended.size });
  }

  /** The endpoint was deleted. Those accepted before leave their queues. */
  release(endpointId: EndpointId): void {
    this.deleted.add(endpointId);
    for (const [id, { endpoint_id }] of this.accepted) if (endpoint_id === endpointId) this.accepted.delete(id);
  }

  /** @param detailOf of a delivery that was accepted among these events */
  async write(
    tx: Transaction<OrderedDeliveriesSchema>,
    mayHaveRows: MayHaveRows,
    detailOf: (id: DeliveryId) => string | null = () => null,
  ): Promise<Turns> {
    if (this.accepted.size > 0) mayHaveRows.current = true;
    mayHaveRows.current ??= (await tx.kysely.selectFrom('ordered_deliveries').select('id').limit(1).execute()).length > 0;
    if (!mayHaveRows.current) return noTurns;
    // 1. Those that joined a batch end with it.
    await tx.delete('ordered_deliveries', 'endpoint_id', [...this.deleted]);
    const members = await this.writeJoins(tx);
    // 2. What has ended leaves its queue. What was accepted and ended among these events was never written.
    const [known, unknown] = [new Set<string>(), [] as (DeliveryId | BatchId)[]];
    for (const row of this.accepted.values()) known.add(row.unit);
    for (const unit of this.ended.keys()) if (!known.has(unit) || this.isBatch(unit)) unknown.push(unit);
    const unitOf = new Map<DeliveryId, DeliveryId | BatchId>();
    for (const [id, { unit }] of this.accepted)
      if (this.ended.has(unit)) {
        this.accepted.delete(id);
        unitOf.set(id, unit);
      }
    const removed = await tx.find('ordered_deliveries', 'unit', unknown, ['id', 'unit', 'queue', 'place']);
    for (const { id, unit } of removed) unitOf.set(id, unit);
    await tx.delete(
      'ordered_deliveries',
      'id',
      removed.map(({ id }) => id),
    );
    const added = Array.from(this.accepted.values(), (row) => ({ ...row, detail: detailOf(row.id) }));
    await tx.insert('ordered_deliveries', added);
    const asked = await tx.find('ordered_deliveries', 'id', [...this.asked.keys()], ['id', 'unit', 'queue', 'place']);
    const wentWithBatch = Array.from(this.asked.keys()).filter((id) => this.wasInBatch(id, unitOf.get(id)));
    // 3. Who is first now?
    const queues = new Set([...removed, ...this.accepted.values(), ...asked].map(({ queue }) => queue));
    const firsts = await tx.findFirst('ordered_deliveries', 'queue', [...queues], 'place', 1, columns);
    const { begun, waiting } = await this.turns(firsts, removed, asked, tx);
    return { begun, waiting: [...waiting, ...wentWithBatch], joined: members, released: [...this.deleted] };
  }

  /** @param unit that ended its turn. @returns whether it was a batch, and had not ended when the delivery was asked about */
  private wasInBatch(id: DeliveryId, unit: DeliveryId | BatchId | undefined): boolean {
    return unit !== undefined && unit !== id && (this.ended.get(unit) ?? 0) >= (this.asked.get(id)?.after ?? 0);
  }

  /** @returns the deliveries in the table that are in a batch now */
  private async writeJoins(tx: Transaction<OrderedDeliveriesSchema>): Promise<readonly DeliveryId[]> {
    const earlier: DeliveryId[] = [];
    for (const [id, { batch: unit }] of this.joins) {
      const row = this.accepted.get(id);
      if (row) this.accepted.set(id, { ...row, unit });
      else earlier.push(id);
    }
    const joined = (await tx.find('ordered_deliveries', 'id', earlier, ['id', 'unit'])).flatMap(({ id, unit }) => {
      const join = this.joins.get(id);
      return join && (this.ended.get(unit) ?? Infinity) >= join.after ? [{ id, unit: join.batch }] : [];
    });
    await tx.update('ordered_deliveries', ['id'], joined);
    return joined.map(({ id }) => id);
  }

  private isBatch(unit: DeliveryId | BatchId): boolean {
    return !this.accepted.has(unit as DeliveryId);
  }

  private async turns(
    firsts: readonly OrderedDeliveryRow[],
    removed: readonly Pick<OrderedDeliveryRow, 'queue' | 'place'>[],
    asked: readonly Pick<OrderedDeliveryRow, 'id' | 'unit'>[],
    tx: Transaction<OrderedDeliveriesSchema>,
  ): Promise<Pick<Turns, 'begun' | 'waiting'>> {
    const firstIds = new Set(firsts.map(({ id }) => id));
    // The first of a queue was not the first before if one before it was removed now.
    const earliest = new Map<string, Position>();
    for (const { queue, place } of removed) if (place < (earliest.get(queue) ?? '~')) earliest.set(queue, place);
    const begun = firsts.filter(
      (row) => row.unit === row.id && (this.accepted.has(row.id) || (earliest.get(row.queue) ?? '~') < row.place),
    );
    const waits = asked.flatMap(({ id, unit }) => {
      const mayGo = firstIds.has(id) && unit === id;
      return mayGo ? [] : [{ id, detail: this.asked.get(id)?.detail ?? null }];
    });
    await tx.update('ordered_deliveries', ['id'], waits);
    const accepted = [...this.accepted.values()].filter(({ id, unit }) => unit === id && !firstIds.has(id));
    const waiting = [...accepted, ...waits].map(({ id }) => id);
    return { begun, waiting };
  }
}
