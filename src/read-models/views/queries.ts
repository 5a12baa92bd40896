// The queries on the views. The first argument is always the organization that asks: nothing of another one is ever seen.
import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import type { ApiKeyRole } from '../../domain/api-key.ts';
import type { AttemptRecord, FailureReason } from '../../domain/attempts.ts';
import type { DeliverySubject } from '../../domain/delivery.ts';
import type { EndpointConfiguration, EndpointStatus } from '../../domain/endpoint.ts';
import type { ApiKeyId, BatchId, DeliveryId, EndpointId, MessageId, OrganizationId, Position, ReplayId } from '../../domain/ids.ts';
import type { Json } from '../../domain/json.ts';
import { keyOf, pageOf, sequenceOf, type Page, type PageRequest } from './page.ts';
import { idKey, type StoredStatus, type ViewsSchema } from './schema.ts';
import { firstHourOf, successRate, type SuccessRate, type Window } from './success-rate.ts';
import { sequenceAt } from './views.ts';

// ── What is seen ── Moments are ISO 8601 in UTC with milliseconds.

/** `HELD`: open, and its endpoint is paused or disabled. */
export type DeliveryStatus = StoredStatus | 'HELD';

export type EndpointView = {
  readonly id: EndpointId;
  readonly organizationId: OrganizationId;
  /** Secrets and header values are encrypted. */
  readonly configuration: EndpointConfiguration;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly deletedAt: string | null;
  readonly revision: number;
};
export type EventTypeView = {
  readonly name: string;
  readonly group: string;
  readonly description: string | null;
  readonly sample: Json | null;
  readonly retired: boolean;
};
export type OrganizationView = { readonly id: OrganizationId; readonly name: string; readonly createdAt: string };
export type ApiKeyView = {
  readonly id: ApiKeyId;
  readonly name: string;
  readonly role: ApiKeyRole;
  readonly issuedAt: string;
  readonly revokedAt: string | null;
};
/** Its data is in the log, in the stream of the message. */
export type MessageView = {
  readonly id: MessageId;
  readonly clientId: string | null;
  readonly eventType: string;
  readonly timestamp: string;
  readonly acceptedAt: string;
  readonly position: Position;
  readonly destinations: number;
  readonly skipped: readonly EndpointId[];
  readonly test: boolean;
};
/** What a delivery goes in: several messages in one request. */
export type BatchView = { readonly id: BatchId; readonly size: number };
export type DeliveryView = {
  readonly id: DeliveryId;
  readonly messageId: MessageId;
  readonly endpointId: EndpointId;
  readonly eventType: string;
  /** Null: it goes alone, or in a batch that is not closed yet. */
  readonly batch: BatchView | null;
  /** The replay that sent it last. */
  readonly replayId: ReplayId | null;
  readonly status: DeliveryStatus;
  readonly test: boolean;
  readonly attemptCount: number;
  readonly nextAttemptAt: string | null;
  readonly lastResponseCode: number | null;
  readonly createdAt: string;
  readonly endedAt: string | null;
};
export type AttemptView = AttemptRecord & {
  /** Of the event that recorded it. */
  readonly position: Position;
  readonly failure: FailureReason | null;
  readonly error: string | null;
};
export type ConservationView = {
  /** The counts are those of the log up to here; null while nothing is applied. */
  readonly position: Position | null;
  readonly routed: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly open: number;
};
/** `batch`: what it is sent in, and so what a command on it is on. */
export type DeliverySubjectView = { readonly id: DeliveryId; readonly subject: DeliverySubject; readonly batch: BatchView | null };

// ── What is asked for ──

type Given<T> = T | null | undefined;
/** From `since` on, and before `until`: when the message was accepted. `responseCode`: of the last attempt. An empty list of statuses matches none. */
export type DeliveryFilter = {
  readonly endpointId?: Given<EndpointId>;
  readonly messageId?: Given<MessageId>;
  readonly status?: Given<readonly DeliveryStatus[]>;
  readonly eventType?: Given<string>;
  readonly since?: Given<Date>;
  readonly until?: Given<Date>;
  readonly responseCode?: Given<number>;
};
export type MessageFilter = Pick<DeliveryFilter, 'eventType' | 'since' | 'until'>;

type Db = Kysely<ViewsSchema>;
type Deliveries = SelectQueryBuilder<ViewsSchema, 'deliveries', { sequence: number }>;
/** A run of deliveries that an index holds in order: one status of an organization or of an endpoint. */
type Run = { readonly status: StoredStatus; readonly endpointId?: EndpointId | undefined; readonly endpoints?: 'held' | 'not-held' };

const allStatuses: readonly StoredStatus[] = ['PENDING', 'RETRYING', 'SUCCEEDED', 'FAILED', 'CANCELLED'];
const openStatuses: readonly StoredStatus[] = ['PENDING', 'RETRYING'];

/** Of one statement; SQLite's own bound is 32,766. */
const mostParameters = 5_000;

/** Up to so many endpoints with open deliveries, each one's runs are looked into by themselves; above, the organization's are filtered. */
const mostEndpointRuns = 40;

/**
 * The log's clock may have been set back: then a message's sequence runs ahead of its time. So far ahead it is still found by `until`.
 */
const clockRoomMs = 5_000;

export class ViewQueries {
  /** @param read where the views are now: another version may take their place at any time, so it is asked for each query. */
  constructor(private readonly read: () => Kysely<ViewsSchema>) {}

  async endpoint(organization: OrganizationId, id: EndpointId): Promise<EndpointView | undefined> {
    const [found] = await this.endpointsById(organization, [id]);
    return found?.deletedAt === null ? found : undefined;
  }

  /** Also deleted ones, as deliveries go on naming them. In no order. */
  async endpointsById(organization: OrganizationId, ids: readonly EndpointId[]): Promise<EndpointView[]> {
    if (ids.length === 0) return [];
    const rows = await this.read()
      .selectFrom('endpoints')
      .selectAll()
      .where(unindexed('organization_id'), '=', organization)
      .where('id', 'in', ids)
      .execute();
    return rows.map(endpointView);
  }

  /** Newest first. */
  async endpoints(
    organization: OrganizationId,
    { first, after }: PageRequest,
    status?: Given<EndpointStatus>,
  ): Promise<Page<EndpointView>> {
    const key = keyOf(after);
    const rows = await this.read()
      .selectFrom('endpoints')
      .selectAll()
      .where('organization_id', '=', organization)
      .where('deleted_at', 'is', null)
      .$if(key !== undefined, (query) => query.where('created_position', '<', key as Position))
      .$if(status !== null && status !== undefined, (query) => query.where('status', '=', status as EndpointStatus))
      .orderBy('created_position', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(rows, first, (row) => row.created_position, endpointView);
  }

  async organization(organization: OrganizationId): Promise<OrganizationView | undefined> {
    const row = await this.read().selectFrom('organizations').selectAll().where('id', '=', organization).executeTakeFirst();
    return row && { id: row.id, name: row.name, createdAt: iso(row.created_at) };
  }

  /** By group and name. */
  async eventTypes(organization: OrganizationId): Promise<EventTypeView[]> {
    const query = this.read().selectFrom('event_types').selectAll().where('organization_id', '=', organization);
    const rows = await query.orderBy('group_name').orderBy('name').execute();
    return rows.map(({ name, group_name, description, sample, retired }) => ({
      name,
      group: group_name,
      description,
      sample: sample === null ? null : (JSON.parse(sample) as Json),
      retired: retired === 1,
    }));
  }

  /** Oldest first. */
  async apiKeys(organization: OrganizationId): Promise<ApiKeyView[]> {
    const query = this.read().selectFrom('api_keys').selectAll().where('organization_id', '=', organization);
    const rows = await query.orderBy('issued_at').orderBy('id').execute();
    return rows.map(({ id, name, role, issued_at, revoked_at }) => ({
      id,
      name,
      role,
      issuedAt: iso(issued_at),
      revokedAt: isoOrNull(revoked_at),
    }));
  }

  async message(organization: OrganizationId, id: MessageId): Promise<MessageView | undefined> {
    const [found] = await this.messagesById(organization, [id]);
    return found;
  }

  /** In no order. */
  async messagesById(organization: OrganizationId, ids: readonly MessageId[]): Promise<MessageView[]> {
    if (ids.length === 0) return [];
    const rows = await this.read()
      .selectFrom('messages')
      .selectAll()
      .where(unindexed('organization_id'), '=', organization)
      .where('id_key', 'in', ids.map(idKey))
      .where('id', 'in', ids)
      .execute();
    return rows.map(messageView);
  }

  /** Newest first. */
  async messages(organization: OrganizationId, { first, after }: PageRequest, filter: MessageFilter = {}): Promise<Page<MessageView>> {
    const before = sequenceOf(after);
    const { eventType } = filter;
    let query = this.read().selectFrom('messages').selectAll().where('organization_id', '=', organization);
    if (before !== undefined) query = query.where('sequence', '<', before);
    if (given(eventType)) query = query.where('event_type', '=', eventType);
    if (given(filter.since)) query = query.where('sequence', '>=', sequenceAt(+filter.since)).where('accepted_at', '>=', +filter.since);
    if (given(filter.until)) query = query.where('sequence', '<', latest(filter.until)).where('accepted_at', '<', +filter.until);
    const rows = await query
      .orderBy('sequence', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(rows, first, (row) => row.sequence, messageView);
  }

  async delivery(organization: OrganizationId, id: DeliveryId): Promise<DeliveryView | undefined> {
    const [found] = await this.deliveriesById(organization, [id]);
    return found;
  }

  /** In no order. */
  async deliveriesById(organization: OrganizationId, ids: readonly DeliveryId[]): Promise<DeliveryView[]> {
    if (ids.length === 0) return [];
    const query = withEndpoint(this.read()).where(unindexed('deliveries.organization_id'), '=', organization);
    const rows = await query.where('deliveries.id_key', 'in', ids.map(idKey)).where('deliveries.id', 'in', ids).execute();
    return rows.map(deliveryView);
  }

  /** Newest message first. */
  async deliveries(organization: OrganizationId, { first, after }: PageRequest, filter: DeliveryFilter = {}): Promise<Page<DeliveryView>> {
    const db = this.read();
    const sequences = await newest(db, organization, filter, sequenceOf(after), first + 1);
    if (sequences.length === 0) return pageOf([], first, String, (none) => none);
    const rows = await withEndpoint(db).where('deliveries.sequence', 'in', sequences).orderBy('deliveries.sequence', 'desc').execute();
    return pageOf(rows, first, (row) => row.sequence, deliveryView);
  }

  /** Newest message first, in the order of each one's destinations; then those that replays made. */
  async deliveriesOfMessages(organization: OrganizationId, ids: readonly MessageId[]): Promise<DeliveryView[]> {
    const db = this.read();
    const messages = await sequencesOf(db, organization, ids);
    // The deliveries of a message stand together; asked for by their numbers, each is found at once.
    const sequences = messages.flatMap(({ sequence, destinations }) => Array.from({ length: destinations }, (_, i) => sequence + i));
    sequences.push(...(await madeByReplays(db, organization, ids, new Set(sequences))));
    const pages: Promise<DeliveryRow[]>[] = [];
    for (let from = 0; from < sequences.length; from += mostParameters)
      pages.push(
        withEndpoint(db)
          .where('deliveries.sequence', 'in', sequences.slice(from, from + mostParameters))
          .execute(),
      );
    const place = new Map(sequences.map((sequence, i) => [sequence, i]));
    const rows = (await Promise.all(pages)).flat();
    return rows.sort((a, b) => (place.get(a.sequence) ?? 0) - (place.get(b.sequence) ?? 0)).map(deliveryView);
  }

  /** The first attempt first. */
  async attemptsOfDeliveries(
    organization: OrganizationId,
    ids: readonly DeliveryId[],
  ): Promise<(AttemptView & { deliveryId: DeliveryId })[]> {
    if (ids.length === 0) return [];
    const db = this.read();
    const owned = await db
      .selectFrom('deliveries')
      .select(['id', 'sequence', 'batch_sequence'])
      .where(unindexed('organization_id'), '=', organization)
      .where('id_key', 'in', ids.map(idKey))
      .where('id', 'in', ids)
      .execute();
    // What was attempted with a batch was attempted with each delivery in it.
    const idsOf = new Map<number, DeliveryId[]>();
    for (const { id, sequence, batch_sequence } of owned)
      for (const each of batch_sequence === null ? [sequence] : [sequence, batch_sequence])
        idsOf.set(each, [...(idsOf.get(each) ?? []), id]);
    if (idsOf.size === 0) return [];
    const rows = await db
      .selectFrom('attempts')
      .select(['sequence', 'position', 'failure', 'detail'])
      .where('sequence', 'in', [...idsOf.keys()])
      .orderBy('sequence')
      .orderBy('number')
      .execute();
    return rows.flatMap(({ sequence, position, failure, detail }) => {
      const record = JSON.parse(detail) as AttemptRecord & { error?: string };
      const attempt = { ...record, position, failure, error: record.error ?? null };
      return (idsOf.get(sequence) ?? []).map((deliveryId) => ({ ...attempt, deliveryId }));
    });
  }

  /** Oldest message first. */
  async deliveriesOfBatch(organization: OrganizationId, id: BatchId): Promise<DeliveryView[]> {
    const db = this.read();
    const batch = await db
      .selectFrom('batches')
      .select('sequence')
      .where(unindexed('organization_id'), '=', organization)
      .where('id_key', '=', idKey(id))
      .where('id', '=', id)
      .executeTakeFirst();
    if (!batch) return [];
    const rows = await withEndpoint(db).where('deliveries.batch_sequence', '=', batch.sequence).orderBy('deliveries.sequence').execute();
    return rows.map(deliveryView);
  }

  /** By endpoint; one that had nothing to deliver has a rate, too. */
  async successRates(
    organization: OrganizationId,
    ids: readonly EndpointId[],
    window: Window,
    now: Date,
  ): Promise<ReadonlyMap<EndpointId, SuccessRate>> {
    const rates = new Map(ids.map((id) => [id, successRate(0, 0)]));
    if (ids.length === 0) return rates;
    const totals = this.read()
      .selectFrom('endpoint_totals')
      .where('endpoint_totals.organization_id', '=', organization)
      .where('endpoint_totals.endpoint_id', 'in', ids);
    const rows =
      window === 'ALL'
        ? await totals.select(['endpoint_id', 'rated_succeeded as succeeded', 'rated_failed as failed']).execute()
        : await totals
            .innerJoin('success_buckets', 'success_buckets.endpoint_id', 'endpoint_totals.endpoint_id')
            .where('hour', '>=', firstHourOf(window, now))
            .groupBy('endpoint_totals.endpoint_id')
            .select(({ fn }) => [
              'endpoint_totals.endpoint_id',
              fn.sum<number>('success_buckets.succeeded').as('succeeded'),
              fn.sum<number>('success_buckets.failed').as('failed'),
            ])
            .execute();
    for (const { endpoint_id, succeeded, failed } of rows) rates.set(endpoint_id, successRate(succeeded, succeeded + failed));
    return rates;
  }

  /**
   * The counts at one position, from one snapshot. What was routed, succeeded and failed is counted by events, what is cancelled or open by
   * rows: that they balance says that neither lost nor made up any.
   */
  async conservation(organization: OrganizationId, endpointId?: Given<EndpointId>): Promise<ConservationView> {
    const db = this.read();
    const scope = given(endpointId) ? endpointId : undefined;
    const total = (column: 'routed' | 'succeeded' | 'failed') => {
      const query = db.selectFrom('endpoint_totals').where('organization_id', '=', organization);
      return (scope === undefined ? query : query.where('endpoint_id', '=', scope)).select(({ fn }) =>
        fn.sum<number | null>(column).as('sum'),
      );
    };
    const rows = (statuses: readonly StoredStatus[]) => {
      const query = db.selectFrom('deliveries').where('status', 'in', statuses);
      return (
        scope === undefined
          ? query.where('organization_id', '=', organization)
          : query.where('endpoint_id', '=', scope).where(unindexed('organization_id'), '=', organization)
      ).select(({ fn }) => fn.countAll<number>().as('count'));
    };
    const counts = await db
      .selectNoFrom([
        db.selectFrom('checkpoint').select('position').as('position'),
        total('routed').as('routed'),
        total('succeeded').as('succeeded'),
        total('failed').as('failed'),
        rows(['CANCELLED']).as('cancelled'),
        rows(openStatuses).as('open'),
      ])
      .executeTakeFirstOrThrow();
    const { position, routed, succeeded, failed, cancelled, open } = counts;
    return { position, routed: routed ?? 0, succeeded: succeeded ?? 0, failed: failed ?? 0, cancelled: cancelled ?? 0, open: open ?? 0 };
  }

  /** Whose these deliveries are, for commands on them. In no order; ids that the organization does not have are left out. */
  async deliverySubjects(organization: OrganizationId, ids: readonly DeliveryId[]): Promise<DeliverySubjectView[]> {
    if (ids.length === 0) return [];
    const rows = await subjects(this.read())
      .where(unindexed('deliveries.organization_id'), '=', organization)
      .where('deliveries.id_key', 'in', ids.map(idKey))
      .where('deliveries.id', 'in', ids)
      .execute();
    return rows.map(subjectView);
  }

  /** All that match, newest first, in pages: each sees the views as they are then, and no delivery comes twice. */
  async *matchingDeliveries(organization: OrganizationId, filter: DeliveryFilter, pageSize: number): AsyncIterable<DeliverySubjectView[]> {
    let before: number | undefined;
    for (;;) {
      const db = this.read();
      const sequences = await newest(db, organization, filter, before, pageSize);
      before = sequences.at(-1);
      if (before === undefined) return;
      const rows = await subjects(db).where('deliveries.sequence', 'in', sequences).orderBy('deliveries.sequence', 'desc').execute();
      yield rows.map(subjectView);
    }
  }
}

// ── Pages of deliveries ──

/** The sequences of the newest deliveries that match, before `before`: the newest of the runs' newest. */
const newest = async (
  db: Db,
  organization: OrganizationId,
  filter: DeliveryFilter,
  before: number | undefined,
  limit: number,
): Promise<number[]> => {
  const range = await rangeOf(db, organization, filter);
  const runs = range && (await runsOf(db, organization, filter));
  if (!range || !runs || runs.length === 0) return [];
  const from = range.from ?? 0;
  const to = Math.min(range.to ?? Infinity, before ?? Infinity, Number.MAX_SAFE_INTEGER);
  const { eventType, since, until, responseCode } = filter;
  const drivers = await driversOf(db, organization, filter, runs, { from, to });
  const arm = ({ status, endpointId, endpoints }: Run, driver: Driver | undefined): Deliveries => {
    const byEndpoint = driver === 'endpoint';
    let query: Deliveries = db
      .selectFrom('deliveries')
      .select('sequence')
      .where(byEndpoint ? unindexed('organization_id') : 'organization_id', '=', organization)
      .where('status', '=', status)
      .orderBy('sequence', 'desc')
      .limit(limit);
    if (endpointId !== undefined) query = query.where(byEndpoint ? 'endpoint_id' : unindexed('endpoint_id'), '=', endpointId);
    if (endpoints !== undefined)
      query = query.where(unindexed('endpoint_id'), endpoints === 'held' ? 'in' : 'not in', heldEndpoints(db, organization));
    if (given(since)) query = query.where('created_at', '>=', +since);
    if (given(until)) query = query.where('created_at', '<', +until);
    if (given(eventType)) query = query.where(driver === 'code' ? unindexed('event_type') : 'event_type', '=', eventType);
    if (given(responseCode))
      query = query.where(driver === 'code' ? 'last_response_code' : sql<number>`last_response_code + 0`, '=', responseCode);
    return query;
  };
  const arms = runs.map((run, i) => arm(run, drivers[i]).where('sequence', '>=', from).where('sequence', '<', to));
  const made = range.made?.filter((sequence) => before === undefined || sequence < before) ?? [];
  if (made.length > 0) arms.push(...runs.map((run, i) => arm(run, drivers[i]).where('sequence', 'in', made)));
  const [first, ...others] = arms.map((query) => db.selectFrom(query.as('run')).select('run.sequence'));
  if (!first) return [];
  let all = first;
  for (const other of others) all = all.unionAll(other);
  const rows = await all.orderBy('sequence', 'desc').limit(limit).execute();
  return rows.map(({ sequence }) => sequence);
};

/** A column as a value that no index holds: SQLite's planner takes all of an organization for some ten rows, and would walk through them. */
const unindexed = (column: string) => sql<string>`${sql.ref(column)} || ''`;

/** Rows looked at to learn which condition narrows most, and runs that this is done for. */
const probeRows = 2_000;
const mostProbedRuns = 20;

type Driver = 'organization' | 'endpoint' | 'type' | 'code';

/** Which index to walk along, for each run: that of the condition which the fewest deliveries meet, where several are given. */
const driversOf = async (
  db: Db,
  organization: OrganizationId,
  { eventType, responseCode }: DeliveryFilter,
  runs: readonly Run[],
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Driver[]> => {
  const candidates = runs.map(({ endpointId }) => {
    const drivers: Driver[] = endpointId === undefined ? [] : ['endpoint'];
    if (given(eventType) && endpointId === undefined) drivers.push('type');
    if (given(responseCode)) drivers.push('code');
    return drivers;
  });
  const choices = candidates.map((drivers): Driver => drivers[0] ?? 'organization');
  if (!candidates.some((drivers) => drivers.length > 1) || runs.length > mostProbedRuns) return choices;

  const probe = ({ status, endpointId }: Run, driver: Driver) => {
    let query = db
      .selectFrom('deliveries')
      .select('sequence')
      .where('status', '=', status)
      .where('sequence', '>=', from)
      .where('sequence', '<', to)
      .limit(probeRows);
    if (driver === 'endpoint') query = query.where('endpoint_id', '=', endpointId as EndpointId);
    else query = query.where('organization_id', '=', organization);
    if (driver === 'code') query = query.where('last_response_code', '=', responseCode as number);
    else if (given(eventType)) query = query.where('event_type', '=', eventType);
    return db.selectFrom(query.as('probe')).select(({ fn }) => fn.countAll<number>().as('count'));
  };
  const probes = runs.flatMap((run, i) => (candidates[i] ?? []).map((driver) => probe(run, driver).as(`${driver}${i}`)));
  const counts: Record<string, number | null> = await db.selectNoFrom(probes).executeTakeFirstOrThrow();
  const count = (driver: Driver, i: number) => counts[`${driver}${i}`] ?? 0;
  return candidates.map((drivers, i) => drivers.toSorted((a, b) => count(a, i) - count(b, i))[0] ?? 'organization');
};

/** The sequences that can match, from and to (exclusive), and others; undefined when none can. */
const rangeOf = async (
  db: Db,
  organization: OrganizationId,
  { messageId, since, until }: DeliveryFilter,
): Promise<{ from?: number | undefined; to?: number | undefined; made?: readonly number[] } | undefined> => {
  const from = given(since) ? sequenceAt(+since) : undefined;
  const to = given(until) ? latest(until) : undefined;
  if (!given(messageId)) return { from, to };
  const [message] = await sequencesOf(db, organization, [messageId]);
  if (!message) return undefined;
  const [begin, end] = [message.sequence, message.sequence + message.destinations];
  const made = await madeByReplays(db, organization, [messageId], new Set(Array.from({ length: end - begin }, (_, i) => begin + i)));
  return { from: begin, to: end, made };
};

const sequencesOf = async (db: Db, organization: OrganizationId, ids: readonly MessageId[]) =>
  ids.length === 0
    ? []
    : db
        .selectFrom('messages')
        .select(['sequence', 'destinations'])
        .where(unindexed('organization_id'), '=', organization)
        .where('id_key', 'in', ids.map(idKey))
        .where('id', 'in', ids)
        .orderBy('sequence', 'desc')
        .execute();

/** The sequences of deliveries to which no message was routed when it was accepted. @param routed those of the others */
const madeByReplays = async (db: Db, organization: OrganizationId, ids: readonly MessageId[], routed: ReadonlySet<number>) => {
  if (ids.length === 0) return [];
  const replayed = db.selectFrom('deliveries').select('sequence').where('message_id', 'in', ids).where('replay_id', 'is not', null);
  const rows = await replayed.where(unindexed('organization_id'), '=', organization).orderBy('sequence').execute();
  return rows.flatMap(({ sequence }) => (routed.has(sequence) ? [] : [sequence]));
};

const runsOf = async (db: Db, organization: OrganizationId, { endpointId, status, messageId }: DeliveryFilter): Promise<Run[]> => {
  const wanted = new Set(given(status) ? status : [...allStatuses, 'HELD' as const]);
  const scope = given(endpointId) ? endpointId : undefined;
  const runs: Run[] = allStatuses
    .filter((each) => !openStatuses.includes(each) && wanted.has(each))
    .map((each) => ({ status: each, endpointId: scope }));
  const heldToo = wanted.has('HELD');
  const whole = openStatuses.filter((each) => heldToo && wanted.has(each));
  runs.push(...whole.map((each) => ({ status: each, endpointId: scope })));
  // An open status that is wanted of some endpoints only: of those that hold back, or of those that don't.
  const parted = openStatuses.filter((each) => heldToo !== wanted.has(each));
  if (parted.length === 0) return runs;
  const endpoints = heldToo ? 'held' : 'not-held';
  const few = scope === undefined && !given(messageId) ? await endpointsWithOpen(db, organization, endpoints) : undefined;
  for (const each of parted)
    if (few) runs.push(...few.map((id) => ({ status: each, endpointId: id })));
    else runs.push({ status: each, endpointId: scope, endpoints });
  return runs;
};

const heldEndpoints = (db: Db, organization: OrganizationId) =>
  db
    .selectFrom('endpoints')
    .select('endpoints.id')
    .where('endpoints.organization_id', '=', organization)
    .where('endpoints.status', '<>', 'ENABLED')
    .where('endpoints.deleted_at', 'is', null);

/** The endpoints with open deliveries that hold them back, or that don't; undefined when there are many. */
const endpointsWithOpen = async (db: Db, organization: OrganizationId, which: 'held' | 'not-held'): Promise<EndpointId[] | undefined> => {
  const open = (status: StoredStatus) =>
    sql<boolean>`exists (select 1 from deliveries where deliveries.endpoint_id = endpoints.id and deliveries.status = ${status})`;
  const rows = await db
    .selectFrom('endpoints')
    .select('endpoints.id')
    .where('endpoints.organization_id', '=', organization)
    .where('endpoints.id', which === 'held' ? 'in' : 'not in', heldEndpoints(db, organization))
    .where((is) => is.or(openStatuses.map(open)))
    .limit(mostEndpointRuns + 1)
    .execute();
  return rows.length > mostEndpointRuns ? undefined : rows.map(({ id }) => id);
};

// ── From rows ──

const given = <T>(value: T): value is NonNullable<T> => value !== null && value !== undefined;
const latest = (until: Date) => sequenceAt(+until + clockRoomMs);
const iso = (milliseconds: number) => new Date(milliseconds).toISOString();
const isoOrNull = (milliseconds: number | null) => (milliseconds === null ? null : iso(milliseconds));

const withEndpoint = (db: Db) =>
  db
    .selectFrom('deliveries')
    .leftJoin('endpoints', 'endpoints.id', 'deliveries.endpoint_id')
    .leftJoin('batches', 'batches.sequence', 'deliveries.batch_sequence')
    .selectAll('deliveries')
    .select(['endpoints.status as endpoint_status', 'endpoints.deleted_at as endpoint_deleted_at'])
    .select(['batches.id as batch_id', 'batches.size as batch_size']);

const subjects = (db: Db) =>
  db
    .selectFrom('deliveries')
    .leftJoin('batches', 'batches.sequence', 'deliveries.batch_sequence')
    .select(['deliveries.id', 'deliveries.organization_id', 'message_id', 'deliveries.endpoint_id', 'test'])
    .select(['batches.id as batch_id', 'batches.size as batch_size']);

type Rows = { [T in keyof ViewsSchema]: ViewsSchema[T] };
type BatchColumns = { batch_id: BatchId | null; batch_size: number | null };
type DeliveryRow = Rows['deliveries'] & BatchColumns & { endpoint_status: EndpointStatus | null; endpoint_deleted_at: number | null };

const batchView = ({ batch_id, batch_size }: BatchColumns): BatchView | null =>
  batch_id === null ? null : { id: batch_id, size: batch_size ?? 0 };

const subjectView = (
  row: Pick<Rows['deliveries'], 'id' | 'organization_id' | 'message_id' | 'endpoint_id' | 'test'> & BatchColumns,
): DeliverySubjectView => ({
  id: row.id,
  subject: {
    organizationId: row.organization_id,
    messageId: row.message_id,
    endpointId: row.endpoint_id,
    ...(row.test === 1 ? { test: true as const } : {}),
  },
  batch: batchView(row),
});

const endpointView = (row: Rows['endpoints']): EndpointView => ({
  id: row.id,
  organizationId: row.organization_id,
  configuration: JSON.parse(row.configuration) as EndpointConfiguration,
  createdAt: iso(row.created_at),
  updatedAt: iso(row.updated_at),
  deletedAt: isoOrNull(row.deleted_at),
  revision: row.revision,
});

const messageView = (row: Rows['messages']): MessageView => ({
  id: row.id,
  clientId: row.client_id,
  eventType: row.event_type,
  timestamp: row.timestamp,
  acceptedAt: iso(row.accepted_at),
  position: row.position,
  destinations: row.destinations,
  skipped: JSON.parse(row.skipped) as EndpointId[],
  test: row.test === 1,
});

const deliveryView = (row: DeliveryRow): DeliveryView => {
  const holdsBack = row.endpoint_deleted_at === null && (row.endpoint_status === 'PAUSED' || row.endpoint_status === 'DISABLED');
  return {
    id: row.id,
    messageId: row.message_id,
    endpointId: row.endpoint_id,
    eventType: row.event_type,
    batch: batchView(row),
    replayId: row.replay_id,
    status: holdsBack && openStatuses.includes(row.status) ? 'HELD' : row.status,
    test: row.test === 1,
    attemptCount: row.attempt_count,
    nextAttemptAt: isoOrNull(row.next_attempt_at),
    lastResponseCode: row.last_response_code,
    createdAt: iso(row.created_at),
    endedAt: isoOrNull(row.ended_at),
  };
};
