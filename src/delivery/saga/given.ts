// Given a model of turns: what each delivery of an ordering key may do, worked out without any of the code under test.
import { accepted, organizationId, record, recorded } from '../../../test/support/samples.ts';
import type { BatchId, DeliveryId, EndpointId, MessageId } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';

type Unit = { readonly id: DeliveryId | BatchId; readonly members: Delivery[]; open: boolean; attempts: number; revision: number };
type Delivery = {
  readonly id: DeliveryId;
  readonly messageId: MessageId;
  readonly endpointId: EndpointId;
  readonly queue: string | undefined;
  unit: Unit;
  /** What a person did to the delivery when it was in a batch already, which the views did not show yet. */
  alone: Unit;
  /** It was cancelled before its first attempt. */
  cancelledFirst: boolean;
};

/** What the log says, kept simply. */
export class Model {
  readonly events: RecordedEvent[] = [];
  private readonly queues = new Map<string, Delivery[]>();
  private readonly deliveries: Delivery[] = [];
  private readonly deleted = new Set<EndpointId>();
  private batches = 0;

  private add(event: Parameters<typeof recorded>[0], stream: string, revision = 0): void {
    this.events.push(recorded(event, { stream, revision, position: this.events.length + 1 }));
  }

  accept(endpoint: number, key: number | undefined): void {
    const endpointId = `e${endpoint}` as EndpointId;
    const messageId = `m${this.events.length}` as MessageId;
    const ordering = endpoint === 2 ? ('STRICT' as const) : key === undefined ? undefined : ('PER_KEY' as const);
    const queue = ordering && (ordering === 'STRICT' ? endpointId : `${endpointId}/${key}`);
    const id = deliveryIdOf(messageId, endpointId);
    const unit: Unit = { id, members: [], open: true, attempts: 0, revision: -1 };
    const delivery: Delivery = { id, messageId, endpointId, queue, unit, alone: unit, cancelledFirst: false };
    unit.members.push(delivery);
    this.deliveries.push(delivery);
    if (queue !== undefined) this.queues.set(queue, [...(this.queues.get(queue) ?? []), delivery]);
    const destination = { endpointId, ...(ordering && { ordering }) };
    this.add(accepted([destination], key === undefined ? {} : { orderingKey: `k${key}` }), `message-${messageId}`);
  }

  private hasTurn = ({ queue, endpointId, unit }: Delivery): boolean => {
    const first = queue === undefined ? undefined : this.queues.get(queue)?.[0];
    return (
      this.deleted.has(endpointId) ||
      first === undefined ||
      first.unit === unit ||
      !this.queues.get(queue ?? '')?.some((each) => each.unit === unit)
    );
  };

  /** By delivery or batch: those with an attempt due. */
  due(): DeliveryId[] {
    const units = new Set(this.deliveries.filter((each) => each.unit.open && this.hasTurn(each)).map(({ unit }) => unit));
    for (const each of this.deliveries) if (this.isDueAlone(each)) units.add(each.alone);
    return Array.from(units, ({ id }) => id as DeliveryId).toSorted();
  }

  /** It was in a batch, and was requested by itself. While it has a turn to wait for, it goes with its batch. */
  private isDueAlone({ id, alone, unit, queue }: Delivery): boolean {
    if (unit === alone || !alone.open) return false;
    return queue === undefined || (this.queues.get(queue) ?? []).every((each) => each.id !== id);
  }

  ordered(): DeliveryId[] {
    return [...this.queues.values()]
      .flat()
      .map(({ id }) => id)
      .toSorted();
  }

  private pick(n: number, of: readonly Delivery[]): Delivery | undefined {
    return of[n % Math.max(1, of.length)];
  }

  private leave(unit: Unit): void {
    for (const [queue, its] of this.queues)
      this.queues.set(
        queue,
        its.filter((each) => each.unit !== unit),
      );
  }

  /** An attempt of one that is due. */
  attempt(n: number, how: 'succeeded' | 'failed' | 'exhausted' | 'held'): void {
    const delivery = this.pick(
      n,
      this.deliveries.filter((each) => each.unit.open && this.hasTurn(each)),
    );
    if (!delivery) return;
    const { unit } = delivery;
    const isBatch = unit.id !== delivery.id;
    const { messageId, endpointId } = delivery;
    const subject = isBatch ? { organizationId, endpointId, size: unit.members.length } : { organizationId, messageId, endpointId };
    const [kind, stream] = isBatch ? (['batch', `batch-${unit.id}`] as const) : (['delivery', `delivery-${unit.id}`] as const);
    const attempt = ++unit.attempts;
    const made = { ...subject, ...record(attempt) };
    const failure = { failure: 'HTTP_STATUS', error: 'x', failuresInSeries: 1 } as const;
    const add = (type: string, data: object) =>
      this.add({ type: `${kind}.${type}`, data } as unknown as Parameters<typeof recorded>[0], stream, ++unit.revision);
    if (how === 'succeeded') add('attempt-succeeded', made);
    else if (how === 'failed') return add('attempt-failed', { ...made, ...failure, retryAt: '2030-01-01T00:00:00.000Z' });
    else {
      add('attempt-failed', { ...made, ...failure });
      add('exhausted', { ...subject, attempts: attempt, at: '2026-01-01T00:00:00.000Z', ...(how === 'held' && { holdsKey: true }) });
    }
    unit.open = false;
    if (how !== 'held') this.leave(unit);
  }

  /** A person cancels any that is open, or asks for any again. */
  person(n: number, what: 'cancel' | 'retry'): void {
    const delivery = this.pick(
      n,
      this.deliveries.filter((each) => each.unit.id === each.id && (what === 'retry' || each.unit.open)),
    );
    if (!delivery) return;
    const { unit, messageId, endpointId } = delivery;
    const subject = { organizationId, messageId, endpointId };
    const stream = `delivery-${delivery.id}`;
    const at = '2026-01-01T00:00:00.000Z';
    if (what === 'cancel') {
      this.add({ type: 'delivery.cancelled', data: { ...subject, at, reason: 'x' } }, stream, ++unit.revision);
      delivery.cancelledFirst = unit.revision === 0;
      unit.open = false;
      this.leave(unit);
    } else {
      delivery.cancelledFirst = false;
      const reopened = unit.open ? {} : { reopened: { status: 'failed' as const, endedAt: at } };
      this.add(
        { type: 'delivery.retry-requested', data: { ...subject, at, attempt: unit.attempts + 1, ...reopened } },
        stream,
        ++unit.revision,
      );
      unit.open = true;
    }
  }

  /** A person cancels or asks for a delivery by itself, though it is in a batch. */
  late(n: number, what: 'cancel' | 'retry' | 'succeeded'): void {
    const inBatches = this.deliveries.filter((each) => each.unit !== each.alone);
    const delivery = this.pick(n, what === 'succeeded' ? inBatches.filter((each) => this.isDueAlone(each)) : inBatches);
    if (!delivery) return;
    const { alone, messageId, endpointId } = delivery;
    const subject = { organizationId, messageId, endpointId };
    const at = '2026-01-01T00:00:00.000Z';
    const add = (event: Parameters<typeof recorded>[0]) => this.add(event, `delivery-${delivery.id}`, ++alone.revision);
    if (what === 'cancel') add({ type: 'delivery.cancelled', data: { ...subject, at, reason: 'x' } });
    else if (what === 'retry') add({ type: 'delivery.retry-requested', data: { ...subject, at, attempt: alone.attempts + 1 } });
    else add({ type: 'delivery.attempt-succeeded', data: { ...subject, ...record(++alone.attempts) } });
    alone.open = what === 'retry';
    alone.open = this.isDueAlone(delivery);
  }

  /** A batch of first attempts that are due, and of some that wait for them. @param cancelled as many that were cancelled while it was closed */
  batch(endpoint: number, size: number, cancelled: number): void {
    const endpointId = `e${endpoint}` as EndpointId;
    const fresh = (each: Delivery) => each.unit.id === each.id && each.unit.revision === -1 && each.unit.open;
    const heads = this.deliveries.filter((each) => each.endpointId === endpointId && fresh(each) && this.hasTurn(each));
    const followers = heads.flatMap(({ queue }) => {
      const waiting = (queue === undefined ? [] : (this.queues.get(queue) ?? [])).slice(1);
      const end = waiting.findIndex((each) => !fresh(each));
      return end === -1 ? waiting : waiting.slice(0, end);
    });
    const late = this.deliveries.filter((each) => each.endpointId === endpointId && each.cancelledFirst && each.unit === each.alone);
    const members = [...late.slice(0, cancelled), ...heads, ...followers].slice(0, size);
    if (members.length === 0) return;
    const id = `b${++this.batches}` as BatchId;
    const unit: Unit = { id, members, open: true, attempts: 0, revision: 0 };
    for (const each of members) {
      each.unit = unit;
      each.alone.open = false;
    }
    const messages = members.map(({ messageId }) => messageId);
    this.add({ type: 'batch.closed', data: { organizationId, endpointId, number: this.batches, messages } }, `batch-${id}`);
  }

  delete(endpoint: number): void {
    const endpointId = `e${endpoint}` as EndpointId;
    if (this.deleted.has(endpointId)) return;
    this.deleted.add(endpointId);
    for (const queue of this.queues.keys()) if (queue.startsWith(endpointId)) this.queues.delete(queue);
    this.add({ type: 'endpoint.deleted', data: {} }, `endpoint-${endpointId}`);
  }
}
