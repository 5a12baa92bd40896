// The consumer that keeps the views: every table in one transaction, each batch reduced in memory and written with few bulk calls.
import type { Kysely } from 'kysely';
import { attemptEndedAt, type DeliveryEvent, type DeliverySubject } from '../../domain/delivery.ts';
import { endpoint, type EndpointConfiguration, type EndpointEvent } from '../../domain/endpoint.ts';
import type { ApiKeyId, DeliveryId, EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/ids.ts';
import type { Consumer } from '../consumer.ts';
import type { Int64, Transaction } from '../database/database.ts';
import { createTables, idKey, primaryKeys, type ViewsSchema } from './schema.ts';
import { hourOf } from './success-rate.ts';

type Row<T extends keyof ViewsSchema> = ViewsSchema[T];
type Delivery = Row<'deliveries'>;

/** The two parts of a delivery that change, each as a whole. */
type Outcome = Pick<Delivery, 'status' | 'next_attempt_at' | 'ended_at'>;
type LastAttempt = Pick<Delivery, 'attempt_count' | 'last_response_code'>;

const sequencesPerMillisecond = 1000;
/** Of a moment: no message or delivery that was accepted at it, or later, has a lower sequence. */
export const sequenceAt = (milliseconds: number) => milliseconds * sequencesPerMillisecond;

export class Views implements Consumer<ViewsSchema> {
  readonly name = 'views';
  readonly version = 1;
  readonly tables = primaryKeys;

  constructor(private readonly listener: Pick<Consumer<ViewsSchema>, 'committed' | 'caughtUp'> = {}) {}

  createTables(db: Kysely<ViewsSchema>, int64: Int64): Promise<void> {
    return createTables(db, int64);
  }

  async apply(batch: readonly RecordedEvent[], tx: Transaction<ViewsSchema>): Promise<void> {
    const changes = new Changes(await nextSequence(batch, tx), await endpointsOf(batch, tx));
    for (const event of batch) changes.add(event);
    await changes.write(tx);
  }

  committed(batch: readonly RecordedEvent[], live: boolean): void {
    this.listener.committed?.(batch, live);
  }

  caughtUp(): void {
    this.listener.caughtUp?.();
  }
}

/** The first number that no message has taken. */
const nextSequence = async (batch: readonly RecordedEvent[], { kysely }: Transaction<ViewsSchema>): Promise<number> => {
  if (!batch.some(({ type }) => type === 'message.accepted')) return 0;
  const last = await kysely
    .selectFrom('messages')
    .select(['sequence', 'destinations'])
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  return last ? last.sequence + Math.max(last.destinations, 1) : 0;
};

/** The endpoints that the batch changes, as they stand. Their events are rare. */
const endpointsOf = async (batch: readonly RecordedEvent[], { kysely }: Transaction<ViewsSchema>): Promise<Row<'endpoints'>[]> => {
  const ids = new Set<EndpointId>();
  for (const { type, stream } of batch) if (type.startsWith('endpoint.')) ids.add(idIn(stream) as EndpointId);
  return ids.size === 0
    ? []
    : kysely
        .selectFrom('endpoints')
        .selectAll()
        .where('id', 'in', [...ids])
        .execute();
};

/** A stream is named by category and id. */
const idIn = (stream: string) => stream.slice(stream.indexOf('-') + 1);

const flag = (value: true | undefined) => (value ? 1 : 0);

class Changes {
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
  private readonly attempts: Row<'attempts'>[] = [];
  /** Attempts of deliveries that began in an earlier batch; they get their sequence when all are known. */
  private readonly laterAttempts: { readonly id: DeliveryId; readonly row: Row<'attempts'> }[] = [];
  private readonly buckets = new Map<string, Row<'success_buckets'>>();
  private readonly totals = new Map<string, Row<'endpoint_totals'>>();

  constructor(
    private sequence: number,
    endpoints: readonly Row<'endpoints'>[],
  ) {
    this.endpoints = new Map(endpoints.map((row) => [row.id, row]));
  }

  add(event: RecordedEvent): void {
    switch (event.type) {
      case 'message.accepted':
        return this.accept(event);
      case 'delivery.attempt-succeeded': {
        const endedAt = Date.parse(attemptEndedAt(event.data));
        this.attempted(event);
        this.change(event, { status: 'SUCCEEDED', next_attempt_at: null, ended_at: endedAt });
        return this.count(event.data, 'succeeded', endedAt, 1);
      }
      case 'delivery.attempt-failed': {
        const { retryAt } = event.data;
        this.attempted(event);
        // Without a next attempt, `exhausted` follows; or the delivery had been cancelled already and stays so.
        if (retryAt !== undefined) this.change(event, { status: 'RETRYING', next_attempt_at: Date.parse(retryAt), ended_at: null });
        return;
      }
      case 'delivery.exhausted': {
        const endedAt = Date.parse(event.data.at);
        this.change(event, { status: 'FAILED', next_attempt_at: null, ended_at: endedAt });
        return this.count(event.data, 'failed', endedAt, 1);
      }
      case 'delivery.retry-requested': {
        const { at, reopened } = event.data;
        this.change(event, { status: 'PENDING', next_attempt_at: Date.parse(at), ended_at: null });
        if (reopened && reopened.status !== 'cancelled') this.count(event.data, reopened.status, Date.parse(reopened.endedAt), -1);
        return;
      }
      case 'delivery.cancelled':
        return this.change(event, { status: 'CANCELLED', next_attempt_at: null, ended_at: Date.parse(event.data.at) });
      case 'organization.registered':
        this.organizations.push({
          id: idIn(event.stream) as OrganizationId,
          name: event.data.name,
          created_at: Date.parse(event.recordedAt),
        });
        return;
      case 'organization.event-type-defined': {
        const { name, group, description, sample } = event.data;
        const key = { organization_id: idIn(event.stream) as OrganizationId, name };
        const text = sample === null ? null : JSON.stringify(sample);
        this.eventTypes.set(`${event.stream} ${name}`, { ...key, group_name: group, description, sample: text, retired: 0 });
        this.retired.delete(`${event.stream} ${name}`);
        return;
      }
      case 'organization.event-type-retired': {
        const { name } = event.data;
        this.retired.set(`${event.stream} ${name}`, { organization_id: idIn(event.stream) as OrganizationId, name, retired: 1 });
        return;
      }
      case 'apikey.issued': {
        const { organizationId, name, role } = event.data;
        const issuedAt = Date.parse(event.recordedAt);
        const id = idIn(event.stream) as ApiKeyId;
        this.issued.push({ id, organization_id: organizationId, name, role, issued_at: issuedAt, revoked_at: null });
        return;
      }
      case 'apikey.revoked':
        this.revoked.push({ id: idIn(event.stream) as ApiKeyId, revoked_at: Date.parse(event.recordedAt) });
        return;
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
    await tx.insert('messages', this.messages);
    await tx.insert('deliveries', [...this.begun.values()]);
    await this.writeChanged(tx);
    await tx.insert('attempts', this.attempts);
    await tx.add('success_buckets', ['endpoint_id', 'hour'], [...this.buckets.values()]);
    await tx.add('endpoint_totals', ['organization_id', 'endpoint_id'], [...this.totals.values()]);
  }

  /** A delivery that began in an earlier batch is updated once, however often it changed in this one. */
  private async writeChanged(tx: Transaction<ViewsSchema>): Promise<void> {
    const ids = [...new Set([...this.outcomes.keys(), ...this.lastAttempts.keys()])];
    const both: (Pick<Delivery, 'sequence'> & Outcome & LastAttempt)[] = [];
    const outcomes: (Pick<Delivery, 'sequence'> & Outcome)[] = [];
    const lastAttempts: (Pick<Delivery, 'sequence'> & LastAttempt)[] = [];
    const sequences = new Map<DeliveryId, number>();
    for (const { id, sequence } of await tx.find('deliveries', 'id_key', ids.map(idKey), ['id', 'sequence'])) {
      const outcome = this.outcomes.get(id);
      const lastAttempt = this.lastAttempts.get(id);
      if (outcome && lastAttempt) both.push({ sequence, ...outcome, ...lastAttempt });
      else if (outcome) outcomes.push({ sequence, ...outcome });
      else if (lastAttempt) lastAttempts.push({ sequence, ...lastAttempt });
      sequences.set(id, sequence);
    }
    for (const { id, row } of this.laterAttempts) {
      const sequence = sequences.get(id);
      if (sequence !== undefined) this.attempts.push({ ...row, sequence });
    }
    await tx.update('deliveries', ['sequence'], both);
    await tx.update('deliveries', ['sequence'], outcomes);
    await tx.update('deliveries', ['sequence'], lastAttempts);
  }

  private accept({ stream, data, position, recordedAt }: RecordedEvent<MessageEvent>): void {
    const id = idIn(stream) as MessageId;
    const { organizationId, type, destinations } = data;
    const acceptedAt = Date.parse(recordedAt);
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
      skipped: JSON.stringify(data.skipped),
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
        status: 'PENDING',
        test,
        attempt_count: 0,
        next_attempt_at: notBefore === undefined ? acceptedAt : Date.parse(notBefore),
        last_response_code: null,
        created_at: acceptedAt,
        ended_at: null,
      });
      this.total(organizationId, endpointId).routed++;
    }
  }

  private attempted(event: RecordedEvent<DeliveryEvent & { type: 'delivery.attempt-succeeded' | 'delivery.attempt-failed' }>): void {
    const deliveryId = idIn(event.stream) as DeliveryId;
    const { organizationId: _organization, messageId: _message, endpointId: _endpoint, test: _test, ...record } = event.data;
    const responseCode = record.responseCode ?? null;
    const failure = 'failure' in record ? record.failure : null;
    const number = record.attempt;
    const detail = JSON.stringify(record);
    const begun = this.begun.get(deliveryId);
    const sequence = begun?.sequence ?? 0;
    const row = { sequence, number, position: event.position, response_code: responseCode, failure, detail };
    const lastAttempt: LastAttempt = { attempt_count: number, last_response_code: responseCode };
    if (begun) {
      Object.assign(begun, lastAttempt);
      this.attempts.push(row);
    } else {
      this.lastAttempts.set(deliveryId, lastAttempt);
      this.laterAttempts.push({ id: deliveryId, row });
    }
  }

  private change({ stream }: RecordedEvent<DeliveryEvent>, outcome: Outcome): void {
    const id = idIn(stream) as DeliveryId;
    const begun = this.begun.get(id);
    if (begun) Object.assign(begun, outcome);
    else this.outcomes.set(id, outcome);
  }

  private count({ organizationId, endpointId, test }: DeliverySubject, how: 'succeeded' | 'failed', endedAt: number, by: 1 | -1): void {
    const total = this.total(organizationId, endpointId);
    total[how] += by;
    if (test) return;
    total[`rated_${how}`] += by;
    const hour = hourOf(endedAt);
    const key = `${endpointId} ${hour}`;
    const bucket = this.buckets.get(key) ?? { endpoint_id: endpointId, hour, succeeded: 0, failed: 0 };
    bucket[how] += by;
    this.buckets.set(key, bucket);
  }

  private total(organizationId: OrganizationId, endpointId: EndpointId): Row<'endpoint_totals'> {
    const key = `${organizationId} ${endpointId}`;
    let total = this.totals.get(key);
    if (!total) {
      const none = { routed: 0, succeeded: 0, failed: 0, rated_succeeded: 0, rated_failed: 0 };
      this.totals.set(key, (total = { organization_id: organizationId, endpoint_id: endpointId, ...none }));
    }
    return total;
  }

  private configure(event: RecordedEvent<EndpointEvent>): void {
    const id = idIn(event.stream) as EndpointId;
    const before = this.endpoints.get(id);
    const now = Date.parse(event.recordedAt);
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
