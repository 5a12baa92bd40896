// Checks the order of ordering keys: a delivery is attempted only once all that come before it under its key have ended, and a batch takes the first
// deliveries of each of its keys. Follows all messages and deliveries, in one partition, from the start of the log.
// Limit: remembers the deliveries whose turn has not ended; with more than `mostOpen` of them at one time, it checks no further.
import type { DeliveryId, EndpointId } from '../../../domain/ids.ts';
import { batchIdIn, deliveryIdIn, endpointIdIn, messageIdIn } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { deliveryIdOf } from '../../../event-store/id-generation.ts';
import { queueOf } from '../../../read-models/ordering/ordered-deliveries.ts';
import type { Findings } from '../findings.ts';

type Turn = { readonly id: DeliveryId; readonly queue: string; unit: string };

const mostOpen = 500_000;

export class OrderCheck {
  private readonly queues = new Map<string, Turn[]>();
  private readonly turns = new Map<DeliveryId, Turn>();
  private readonly batches = new Map<string, readonly DeliveryId[]>();
  private hasGivenUp = false;

  constructor(private readonly findings: Pick<Findings, 'checked' | 'wrong'>) {}

  check(event: RecordedEvent): void {
    if (this.hasGivenUp) return;
    switch (event.type) {
      case 'message.accepted': {
        const { destinations, orderingKey = '' } = event.data;
        for (const { endpointId, ordering } of destinations)
          if (ordering) this.accept(event, endpointId, queueOf(endpointId, ordering === 'STRICT' ? '' : orderingKey));
        return;
      }
      case 'batch.closed':
        return this.join(event, event.data.endpointId);
      case 'delivery.attempt-failed':
      case 'batch.attempt-failed':
        return this.attempt(event);
      case 'delivery.attempt-succeeded':
      case 'batch.attempt-succeeded':
        this.attempt(event);
        return this.end(unitIn(event));
      case 'delivery.exhausted':
      case 'batch.exhausted':
        return event.data.holdsKey ? undefined : this.end(unitIn(event));
      case 'delivery.cancelled':
      case 'batch.cancelled':
        return this.end(unitIn(event));
      case 'endpoint.deleted':
        return this.release(endpointIdIn(event.stream));
      default:
    }
  }

  private accept({ stream }: RecordedEvent, endpointId: EndpointId, queue: string): void {
    const turn: Turn = { id: deliveryIdOf(messageIdIn(stream), endpointId), queue, unit: '' };
    turn.unit = turn.id;
    const turns = this.queues.get(queue);
    if (turns) turns.push(turn);
    else this.queues.set(queue, [turn]);
    this.turns.set(turn.id, turn);
    if (this.turns.size <= mostOpen) return;
    this.hasGivenUp = true;
    for (const each of [this.queues, this.turns, this.batches]) each.clear();
  }

  private join(event: RecordedEvent & { type: 'batch.closed' }, endpointId: EndpointId): void {
    const unit = batchIdIn(event.stream);
    const members = event.data.messages.map((id) => deliveryIdOf(id, endpointId)).filter((id) => this.turns.has(id));
    if (members.length === 0) return;
    for (const id of members) {
      const turn = this.turns.get(id);
      if (turn) turn.unit = unit;
    }
    this.batches.set(unit, members);
    // One that was cancelled while it waited is in a batch alone that is never sent; if it is sent, its attempt is checked.
    if (event.data.messages.length === 1) return;
    for (const [queue, its] of Map.groupBy(members, (id) => this.turns.get(id)?.queue ?? '')) {
      const first = this.queues.get(queue)?.slice(0, its.length) ?? [];
      if (first.some(({ id }, i) => id !== its[i]))
        this.findings.wrong('states', event, `It does not take the first deliveries of an ordering key in their order: ${its.join(', ')}.`);
    }
  }

  private attempt(event: RecordedEvent): void {
    const unit = unitIn(event);
    for (const id of this.membersOf(unit)) {
      const turn = this.turns.get(id);
      const first = turn && this.queues.get(turn.queue)?.[0];
      if (!first) continue;
      this.findings.checked('states');
      if (first.unit !== unit)
        this.findings.wrong('states', event, `The delivery ${first.id} comes before it under its ordering key, and had not ended.`);
    }
  }

  private end(unit: string): void {
    for (const id of this.membersOf(unit)) {
      const turn = this.turns.get(id);
      const turns = turn && this.queues.get(turn.queue);
      if (!turns) continue;
      turns.splice(turns.indexOf(turn), 1);
      if (turns.length === 0) this.queues.delete(turn.queue);
      this.turns.delete(id);
    }
    this.batches.delete(unit);
  }

  private membersOf(unit: string): readonly DeliveryId[] {
    const members = this.batches.get(unit) ?? [unit as DeliveryId]; // a batch has no turn
    return members.filter((id) => this.turns.get(id)?.unit === unit);
  }

  private release(endpointId: EndpointId): void {
    for (const [queue, turns] of this.queues) {
      if (!queue.startsWith(`${endpointId} `)) continue;
      for (const { id } of turns) this.turns.delete(id);
      this.queues.delete(queue);
    }
  }
}

const unitIn = ({ stream, type }: RecordedEvent): string => (type.startsWith('batch.') ? batchIdIn(stream) : deliveryIdIn(stream));
