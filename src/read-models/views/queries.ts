// The queries on the views. The first argument is always the organization that asks: nothing of another one is ever seen.
import type { Kysely } from 'kysely';
import type { AttemptRecord } from '../../domain/attempts.ts';
import type { EndpointStatus } from '../../domain/endpoint.ts';
import type { BatchId, DeliveryId, EndpointId, MessageId, OrganizationId, Position } from '../../domain/ids.ts';
import type { Json } from '../../domain/json.ts';
import {
  given,
  latest,
  madeByReplays,
  newest,
  sequencesOf,
  unindexed,
  type Db,
  type DeliveryFilter,
  type Given,
} from './delivery-pages.ts';
import { keyOf, pageOf, sequenceOf, type Page, type PageRequest } from './page.ts';
import { idKey, sequenceAt, type StoredStatus, type ViewsSchema } from './schema.ts';
import {
  deliveryView,
  endpointView,
  iso,
  isoOrNull,
  messageView,
  openStatuses,
  subjectView,
  type ApiKeyView,
  type AttemptView,
  type ConservationView,
  type DeliveryRow,
  type DeliverySubjectView,
  type DeliveryView,
  type EndpointView,
  type EventTypeView,
  type MessageView,
  type OrganizationView,
} from './shown.ts';
import { firstHourOf, successRate, type SuccessRate, type Window } from './success-rate.ts';

export type MessageFilter = Pick<DeliveryFilter, 'eventType' | 'since' | 'until'>;

/** Of one statement; SQLite's own bound is 32,766. */
const mostParameters = 5_000;

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
