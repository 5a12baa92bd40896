// The changes that a batch of events makes to the views: reduced in memory, event by event, and written with few bulk calls.
import type { BatchEvent } from '../../domain/batch.ts';
import type { DeliveryEvent } from '../../domain/delivery.ts';
import { endpoint, type EndpointConfiguration, type EndpointEvent } from '../../domain/endpoint.ts';
import type { BatchId, DeliveryId, EndpointId, OrganizationId, ReplayId } from '../../domain/ids.ts';
import type { ReplayEvent } from '../../domain/replay.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import type { Transaction } from '../engine/database/database.ts';
import type { AcceptedViewEvent, AttemptedViewEvent, ViewEvent } from './view-event.ts';
import { momentOf } from './moment.ts';
import { SourceChanges } from '../sources/source-changes.ts';
import { idKey, sequenceAt, type ViewsSchema } from './schema.ts';
import { hourOf } from '../queries/success-rate.ts';
import {
  apiKeyIdIn,
  batchIdIn,
  deliveryIdIn,
  endpointIdIn,
  idIn,
  messageIdIn,
  organizationIdIn,
  replayIdIn,
} from '../../domain/streams.ts';

export type Row<T extends keyof ViewsSchema> = ViewsSchema[T];
type Delivery = Row<'deliveries'>;
type OfSending = DeliveryEvent | BatchEvent;

/** The parts of a delivery that change, each as a whole. */
type Outcome = Pick<Delivery, 'status' | 'next_attempt_at' | 'ended_at'>;
type LastAttempt = Pick<Delivery, 'attempt_count' | 'last_response_code'>;
/** And one that a replay sets. */
type Replayed = Pick<Delivery, 'replay_id'>;

/** What a batch adds to the counters of an endpoint. */
type Counts = { readonly total: Row<'endpoint_totals'>; readonly byHour: Map<number, Row<'success_buckets'>> };

/** A stream is named by category and id. */

type Subject = {
  readonly organizationId: OrganizationId;
  readonly endpointId: EndpointId;
  readonly test?: true | undefined;
  readonly size?: number | undefined;
};

/** A delivery that nothing became of yet. */
const fresh = { batch_sequence: null, attempt_count: 0, last_response_code: null, ended_at: null } as const;

const flag = (value: true | undefined) => (value ? 1 : 0);

/** Deliveries that have begun and not ended, and where their rows are; of more than it remembers, the newest. */
export class RunningDeliveries {
  private readonly sequences = new Map<DeliveryId, number>();

  find(ids: readonly DeliveryId[]): { readonly found: Pick<Delivery, 'id' | 'sequence'>[]; readonly others: readonly DeliveryId[] } {
    const found: Pick<Delivery, 'id' | 'sequence'>[] = [];
    const others: DeliveryId[] = [];
    for (const id of ids) {
      const sequence = this.sequences.get(id);
      if (sequence === undefined) others.push(id);
      else found.push({ id, sequence });
    }
    return { found, others };
  }

  note(begun: Iterable<Delivery>, outcomes: ReadonlyMap<DeliveryId, Outcome>): void {
    for (const { id, sequence, ended_at } of begun) if (ended_at === null) this.sequences.set(id, sequence);
    for (const [id, { ended_at }] of outcomes) if (ended_at !== null) this.sequences.delete(id);
    for (const [id] of this.sequences.entries().take(Math.max(0, this.sequences.size - mostRunning))) this.sequences.delete(id);
  }
}
const mostRunning = 50_000;

/** Takes a batch of events, and then writes what they change; `sequence` is the first number that nothing has taken. */
export class Changes {
  private readonly organizations: Row<'organizations'>[] = [];
  private readonly eventTypes = new Map<string, Row<'event_types'>>();
  private readonly retired = new Map<string, Pick<Row<'event_types'>, 'organization_id' | 'name' | 'retired'>>();
  private readonly issued: Row<'api_keys'>[] = [];
  private readonly revoked: Pick<Row<'api_keys'>, 'id' | 'revoked_at'>[] = [];
  private readonly endpoints: Map<EndpointId, Row<'endpoints'>>;
  private readonly messages: Row<'messages'>[] = [];
  /** Deliveries that begin in this batch: their later events change these rows, and one insert writes them. */
  private readonly begun = new Map<DeliveryId, Delivery>();
  private readonly outcomes = new Map<DeliveryId, Outcome>();
  private readonly lastAttempts = new Map<DeliveryId, LastAttempt>();
  /** Batches that were closed in this one, and which of their deliveries began in it. */
  private readonly batches = new Map<BatchId, { readonly row: Row<'batches'>; readonly begun: readonly Delivery[] }>();
  /** Into which batch deliveries went that began earlier. */
  private readonly joined = new Map<DeliveryId, Pick<Delivery, 'batch_sequence'>>();
  private readonly replayed = new Map<DeliveryId, Replayed>();
  private readonly replayedBatches = new Map<BatchId, Replayed>();
  private readonly replays: Map<ReplayId, Row<'replays'>>;
  private readonly batchOutcomes = new Map<BatchId, Outcome>();
  private readonly batchAttempts = new Map<BatchId, LastAttempt>();
  private readonly attempts: Row<'attempts'>[] = [];
  /** Attempts of what began in an earlier batch; they get their sequence when all are known. */
  private readonly laterAttempts: { readonly id: string; readonly row: Row<'attempts'> }[] = [];
  private readonly counts = new Map<EndpointId, Counts>();
  private readonly sources = new SourceChanges();

  constructor(
    private sequence: number,
    endpoints: readonly Row<'endpoints'>[],
    replays: readonly Row<'replays'>[],
    /** Left out: the tables are asked. */
    private readonly running?: RunningDeliveries,
  ) {
    this.endpoints = new Map(endpoints.map((row) => [row.id, row]));
    this.replays = new Map(replays.map((row) => [row.id, row]));
  }

  get nextSequence(): number {
    return this.sequence;
  }

  add(event: ViewEvent): void {
    switch (event.type) {
      case 'message.accepted':
        return this.accept(event);
      case 'batch.closed':
        return this.close(event);
      case 'delivery.attempt-succeeded':
      case 'batch.attempt-succeeded': {
        const { startedAt, durationMs } = event.data;
        const endedAt = Date.parse(startedAt) + Math.round(durationMs); // as `attemptEndedAt`, without a text in between
        this.attempted(event);
        this.change(event, { status: 'SUCCEEDED', next_attempt_at: null, ended_at: endedAt });
        return this.count(event.data, 'succeeded', endedAt, 1);
      }
      case 'delivery.attempt-failed':
      case 'batch.attempt-failed': {
        const { retryAt } = event.data;
        this.attempted(event);
        // Without a next attempt, `exhausted` follows; or the delivery had been cancelled already and stays so.
        if (retryAt !== undefined) this.change(event, { status: 'RETRYING', next_attempt_at: Date.parse(retryAt), ended_at: null });
        return;
      }
      case 'delivery.exhausted':
      case 'batch.exhausted': {
        const endedAt = Date.parse(event.data.at);
        this.change(event, { status: 'FAILED', next_attempt_at: null, ended_at: endedAt });
        return this.count(event.data, 'failed', endedAt, 1);
      }
      case 'delivery.retry-requested':
      case 'batch.retry-requested': {
        const { at, reopened } = event.data;
        this.change(event, { status: 'PENDING', next_attempt_at: Date.parse(at), ended_at: null });
        if (reopened && reopened.status !== 'cancelled') this.count(event.data, reopened.status, Date.parse(reopened.endedAt), -1);
        return;
      }
      case 'delivery.replay-requested':
      case 'batch.replay-requested':
        return this.replay(event);
      case 'replay.requested':
      case 'replay.progressed':
      case 'replay.finished':
      case 'replay.cancelled':
        return this.changeReplay(event);
      case 'delivery.cancelled':
      case 'batch.cancelled':
        return this.change(event, { status: 'CANCELLED', next_attempt_at: null, ended_at: Date.parse(event.data.at) });
      case 'organization.registered':
        this.organizations.push({
          id: organizationIdIn(event.stream),
          name: event.data.name,
          created_at: momentOf(event.recordedAt),
        });
        return;
      case 'organization.signing-key-set':
      case 'ledger.key-created':
      case 'ledger.sealed':
        return;
      case 'organization.event-type-defined': {
        const { name, group, description, sample } = event.data;
        const key = { organization_id: organizationIdIn(event.stream), name };
        const text = sample === null ? null : JSON.stringify(sample);
        this.eventTypes.set(`${event.stream} ${name}`, { ...key, group_name: group, description, sample: text, retired: 0 });
        this.retired.delete(`${event.stream} ${name}`);
        return;
      }
      case 'organization.event-type-retired': {
        const { name } = event.data;
        this.retired.set(`${event.stream} ${name}`, { organization_id: organizationIdIn(event.stream), name, retired: 1 });
        return;
      }
      case 'apikey.issued': {
        const { organizationId, name, role } = event.data;
        const issuedAt = momentOf(event.recordedAt);
        const id = apiKeyIdIn(event.stream);
        this.issued.push({ id, organization_id: organizationId, name, role, issued_at: issuedAt, revoked_at: null });
        return;
      }
      case 'apikey.revoked':
        this.revoked.push({ id: apiKeyIdIn(event.stream), revoked_at: momentOf(event.recordedAt) });
        return;
      case 'source.registered':
      case 'source.renamed':
      case 'source.selection-changed':
      case 'source.mapping-changed':
      case 'source.paused':
      case 'source.resumed':
      case 'source.deleted':
      case 'reading.event-skipped':
      case 'reading.advanced':
        return this.sources.add(event);
      default:
        return this.configure(event);
    }
  }

  async write(tx: Transaction<ViewsSchema>): Promise<void> {
    await tx.insert('organizations', this.organizations);
    await tx.upsert('event_types', ['organization_id', 'name'], [...this.eventTypes.values()]);
    await tx.update('event_types', ['organization_id', 'name'], [...this.retired.values()]);
    await tx.insert('api_keys', this.issued);
    await tx.update('api_keys', ['id'], this.revoked);
    await tx.upsert('endpoints', ['id'], [...this.endpoints.values()]);
    await tx.upsert('replays', ['id'], [...this.replays.values()]);
    await tx.insert('messages', this.messages);
    await tx.insert('deliveries', [...this.begun.values()]);
    await tx.insert(
      'batches',
      Array.from(this.batches.values(), ({ row }) => row),
    );
    await this.writeChanged(tx);
    this.running?.note(this.begun.values(), this.outcomes);
    await tx.insert('attempts', this.attempts);
    const counts = [...this.counts.values()];
    const buckets = counts.flatMap(({ byHour }) => [...byHour.values()]);
    const totals = counts.map(({ total }) => total);
    await tx.add('success_buckets', ['endpoint_id', 'hour'], buckets);
    await tx.add('endpoint_totals', ['organization_id', 'endpoint_id'], totals);
    await this.sources.write(tx);
  }

  /** A delivery that began in an earlier batch is updated once, however often it changed in this one. */
  private async writeChanged(tx: Transaction<ViewsSchema>): Promise<void> {
    const ids = [...new Set([...this.outcomes.keys(), ...this.lastAttempts.keys(), ...this.joined.keys(), ...this.replayed.keys()])];
    const joined: Pick<Delivery, 'sequence' | 'batch_sequence'>[] = [];
    const replayed: (Pick<Delivery, 'sequence'> & Replayed)[] = [];
    const both: (Pick<Delivery, 'sequence'> & Outcome & LastAttempt)[] = [];
    const outcomes: (Pick<Delivery, 'sequence'> & Outcome)[] = [];
    const lastAttempts: (Pick<Delivery, 'sequence'> & LastAttempt)[] = [];
    const sequences = new Map<string, number>();
    const { found, others } = this.running?.find(ids) ?? { found: [], others: ids };
    found.push(...(await tx.find('deliveries', 'id_key', others.map(idKey), ['id', 'sequence'])));
    for (const { id, sequence } of found) {
      const outcome = this.outcomes.get(id);
      const lastAttempt = this.lastAttempts.get(id);
      if (outcome && lastAttempt) both.push({ sequence, ...outcome, ...lastAttempt });
      else if (outcome) outcomes.push({ sequence, ...outcome });
      else if (lastAttempt) lastAttempts.push({ sequence, ...lastAttempt });
      const batch = this.joined.get(id);
      if (batch) joined.push({ sequence, ...batch });
      const replay = this.replayed.get(id);
      if (replay) replayed.push({ sequence, ...replay });
      sequences.set(id, sequence);
    }
    await tx.update('deliveries', ['sequence'], joined);
    await tx.update('deliveries', ['sequence'], replayed);
    const batches = await this.changedBatches(tx);
    for (const [id, sequence] of batches) sequences.set(id, sequence);
    for (const { id, row } of this.laterAttempts) {
      const sequence = sequences.get(id);
      if (sequence !== undefined) this.attempts.push({ ...row, sequence });
    }
    await tx.update('deliveries', ['sequence'], both);
    await tx.update('deliveries', ['sequence'], outcomes);
    await tx.update('deliveries', ['sequence'], lastAttempts);
    const changed = Array.from(batches, ([id, batch_sequence]) => ({
      batch_sequence,
      ...this.batchOutcomes.get(id),
      ...this.batchAttempts.get(id),
      ...this.replayedBatches.get(id),
    }));
    // All rows of one call have the same columns.
    for (const alike of Map.groupBy(changed, (row) => Object.keys(row).join()).values())
      await tx.update('deliveries', ['batch_sequence'], alike);
  }

  /** The sequences of the batches that something became of. */
  private async changedBatches(tx: Transaction<ViewsSchema>): Promise<ReadonlyMap<BatchId, number>> {
    const ids = [...new Set([...this.batchOutcomes.keys(), ...this.batchAttempts.keys()])];
    const sequences = new Map<BatchId, number>();
    const earlier = ids.filter((id) => !this.batches.has(id));
    for (const { id, sequence } of await tx.find('batches', 'id_key', earlier.map(idKey), ['id', 'sequence'])) sequences.set(id, sequence);
    for (const id of ids) {
      const closed = this.batches.get(id);
      if (closed) sequences.set(id, closed.row.sequence);
    }
    return sequences;
  }

  private accept({ stream, data, position, recordedAt }: AcceptedViewEvent): void {
    const id = messageIdIn(stream);
    const { organizationId, type, destinations } = data;
    const acceptedAt = momentOf(recordedAt);
    const test = flag(data.test);
    const sequence = Math.max(this.sequence, sequenceAt(acceptedAt));
    this.sequence = sequence + Math.max(destinations.length, 1);
    this.messages.push({
      sequence,
      id,
      id_key: idKey(id),
      organization_id: organizationId,
      client_id: data.clientId ?? null,
      event_type: type,
      timestamp: data.timestamp,
      accepted_at: acceptedAt,
      position,
      destinations: destinations.length,
      skipped: data.skipped.length === 0 ? '[]' : JSON.stringify(data.skipped),
      test,
    });
    for (const [i, { endpointId, notBefore }] of destinations.entries()) {
      const deliveryId = deliveryIdOf(id, endpointId);
      this.begun.set(deliveryId, {
        sequence: sequence + i,
        id: deliveryId,
        id_key: idKey(deliveryId),
        organization_id: organizationId,
        message_id: id,
        endpoint_id: endpointId,
        event_type: type,
        batch_sequence: null,
        replay_id: null,
        status: 'PENDING',
        test,
        attempt_count: 0,
        next_attempt_at: notBefore === undefined ? acceptedAt : Date.parse(notBefore),
        last_response_code: null,
        created_at: acceptedAt,
        ended_at: null,
      });
      this.countsOf(organizationId, endpointId).total.routed++;
    }
  }

  private close({ stream, data, recordedAt }: RecordedEvent<BatchEvent & { type: 'batch.closed' }>): void {
    const id = batchIdIn(stream);
    const { organizationId, endpointId, messages } = data;
    const sequence = Math.max(this.sequence, sequenceAt(momentOf(recordedAt)));
    this.sequence = sequence + 1;
    const begun: Delivery[] = [];
    for (const messageId of messages) {
      const deliveryId = deliveryIdOf(messageId, endpointId);
      const delivery = this.begun.get(deliveryId);
      if (delivery) {
        delivery.batch_sequence = sequence;
        begun.push(delivery);
      } else this.joined.set(deliveryId, { batch_sequence: sequence });
    }
    const row = { sequence, id, id_key: idKey(id), organization_id: organizationId, endpoint_id: endpointId, size: messages.length };
    this.batches.set(id, { row, begun });
  }

  private replay(event: RecordedEvent<OfSending & { type: `${'delivery' | 'batch'}.replay-requested` }>): void {
    const { at, reopened, replayId } = event.data;
    if (event.type === 'delivery.replay-requested' && event.data.messageType !== undefined) {
      const { organizationId, messageId, endpointId, messageType } = event.data;
      const requestedAt = momentOf(event.recordedAt);
      const sequence = Math.max(this.sequence, sequenceAt(requestedAt));
      this.sequence = sequence + 1;
      const id = deliveryIdIn(event.stream);
      const common = { organization_id: organizationId, message_id: messageId, endpoint_id: endpointId, event_type: messageType };
      const begins = { status: 'PENDING', next_attempt_at: Date.parse(at), created_at: requestedAt, replay_id: replayId } as const;
      this.begun.set(id, { sequence, id, id_key: idKey(id), ...common, ...fresh, ...begins, test: 0 });
      this.countsOf(organizationId, endpointId).total.routed++;
      return;
    }
    this.change(event, { status: 'PENDING', next_attempt_at: Date.parse(at), ended_at: null });
    this.set(event, { replay_id: replayId }, this.replayed, this.replayedBatches);
    if (reopened && reopened.status !== 'cancelled') this.count(event.data, reopened.status, Date.parse(reopened.endedAt), -1);
  }

  private changeReplay(event: RecordedEvent<ReplayEvent>): void {
    const id = replayIdIn(event.stream);
    if (event.type === 'replay.requested') {
      const { organizationId, endpointId, filter, ratePerSecond, at } = event.data;
      this.replays.set(id, {
        id,
        organization_id: organizationId,
        endpoint_id: endpointId,
        filter: JSON.stringify(filter),
        rate: String(ratePerSecond),
        requested_by: event.metadata.actor,
        requested_at: Date.parse(at),
        requested_position: event.position,
        status: 'RUNNING',
        after_message: null,
        came_to: null,
        looked: 0,
        sent: 0,
        ended_at: null,
        reason: null,
      });
      return;
    }
    const before = this.replays.get(id);
    if (!before) return;
    if (event.type === 'replay.progressed') {
      const { after, cameTo, looked, sent } = event.data;
      this.replays.set(id, { ...before, after_message: after, came_to: Date.parse(cameTo), looked, sent });
    } else {
      const status = event.type === 'replay.finished' ? 'FINISHED' : 'CANCELLED';
      const reason = event.type === 'replay.cancelled' ? event.data.reason : null;
      this.replays.set(id, { ...before, status, reason, ended_at: Date.parse(event.data.at) });
    }
  }

  private attempted(event: AttemptedViewEvent): void {
    const { data, position } = event;
    const number = data.attempt;
    const responseCode = data.responseCode ?? null;
    const id = idIn(event.stream);
    const sequence = this.begun.get(id as DeliveryId)?.sequence ?? this.batches.get(id as BatchId)?.row.sequence;
    const row = {
      sequence: sequence ?? 0,
      number,
      position,
      response_code: responseCode,
      failure: data.failure ?? null,
      detail: event.detail,
    };
    if (sequence === undefined) this.laterAttempts.push({ id, row });
    else this.attempts.push(row);
    const lastAttempt: LastAttempt = { attempt_count: number, last_response_code: responseCode };
    this.set(event, lastAttempt, this.lastAttempts, this.batchAttempts);
  }

  private change(event: Pick<RecordedEvent, 'type' | 'stream'>, outcome: Outcome): void {
    this.set(event, outcome, this.outcomes, this.batchOutcomes);
  }

  /** On the rows that begin in this batch at once; for those that stood before, it is noted. */
  private set<Part extends Partial<Delivery>>(
    { type, stream }: Pick<RecordedEvent, 'type' | 'stream'>,
    part: Part,
    deliveries: Map<DeliveryId, Part>,
    batches: Map<BatchId, Part>,
  ): void {
    if (type.startsWith('batch.')) {
      const id = batchIdIn(stream);
      for (const delivery of this.batches.get(id)?.begun ?? []) Object.assign(delivery, part);
      batches.set(id, part);
      return;
    }
    const id = deliveryIdIn(stream);
    const begun = this.begun.get(id);
    if (begun) Object.assign(begun, part);
    else deliveries.set(id, part);
  }

  private count(subject: Subject, how: 'succeeded' | 'failed', endedAt: number, sign: 1 | -1): void {
    const { organizationId, endpointId, test = false, size = 1 } = subject;
    const by = sign * size;
    const { total, byHour } = this.countsOf(organizationId, endpointId);
    total[how] += by;
    if (test) return;
    total[`rated_${how}`] += by;
    const hour = hourOf(endedAt);
    let bucket = byHour.get(hour);
    if (!bucket) byHour.set(hour, (bucket = { endpoint_id: endpointId, hour, succeeded: 0, failed: 0 }));
    bucket[how] += by;
  }

  private countsOf(organizationId: OrganizationId, endpointId: EndpointId): Counts {
    let counts = this.counts.get(endpointId);
    if (!counts) {
      const none = { routed: 0, succeeded: 0, failed: 0, rated_succeeded: 0, rated_failed: 0 };
      counts = { total: { organization_id: organizationId, endpoint_id: endpointId, ...none }, byHour: new Map() };
      this.counts.set(endpointId, counts);
    }
    return counts;
  }

  private configure(event: RecordedEvent<EndpointEvent>): void {
    const id = endpointIdIn(event.stream);
    const before = this.endpoints.get(id);
    const now = momentOf(event.recordedAt);
    const stood = before && { exists: 'yes' as const, configuration: JSON.parse(before.configuration) as EndpointConfiguration };
    const state = endpoint.evolve(stood ?? endpoint.initial, event);
    if (state.exists === 'yes') {
      const { organizationId, settings, status } = state.configuration;
      this.endpoints.set(id, {
        id,
        organization_id: organizationId,
        name: settings.name,
        status,
        configuration: JSON.stringify(state.configuration),
        created_at: before?.created_at ?? now,
        updated_at: now,
        deleted_at: null,
        created_position: before?.created_position ?? event.position,
        revision: event.revision,
      });
    } else if (before) this.endpoints.set(id, { ...before, updated_at: now, deleted_at: now, revision: event.revision });
  }
}
