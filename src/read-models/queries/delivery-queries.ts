// Queries on deliveries, their attempts and batches. The first argument is the caller's organization: no query shows another one's data.
import type { ExpressionBuilder, Kysely } from 'kysely';
import type { BatchId, DeliveryId, EndpointId, MessageId, OrganizationId, Position } from '../../domain/ids.ts';
import { mapInSlices } from '../../time-slices.ts';
import type { ViewsSchema } from '../views/schema.ts';
import type { StoredStatus } from '../views/tables/deliveries-table.ts';
import { idKey } from '../views/tables/id-key.ts';
import { endpointHolds, withoutIndex } from './columns.ts';
import type { Count } from './counting.ts';
import { conditionsOf, type DeliveryFilter } from './delivery-filter.ts';
import { countDeliveries, messageSequences, newestSequences, sequencesFromReplays } from './delivery-pages.ts';
import { othersOf, shownAs } from './delivery-runs.ts';
import { countMatching, oldestSequences, type DeliverySpan, type JobFilter, type MatchingCount } from './matching-deliveries.ts';
import {
  attemptView,
  deliveryView,
  openStatuses,
  subjectView,
  type AttemptView,
  type DeliveryRow,
  type DeliverySubjectView,
  type DeliveryView,
} from './delivery-view.ts';
import { lastAttemptsOfDeliveries } from './last-attempts.ts';
import type { Optional } from './optional.ts';
import { pageOf, sequenceKeyOf, type Page, type PageRequest } from './page.ts';

type Db = Kysely<ViewsSchema>;

type ConservationView = {
  /** The counts cover the log up to here. Null: no event is applied yet. */
  readonly position: Position | null;
  readonly routed: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly open: number;
};

/** In one statement. SQLite's own bound is 32,766. */
const maxParameters = 5_000;

export class DeliveryQueries {
  /** @param read the current views; called for each query, since a rebuilt version may replace them at any time */
  constructor(private readonly read: () => Db) {}

  async find(organization: OrganizationId, id: DeliveryId): Promise<DeliveryView | undefined> {
    const [found] = await this.byIds(organization, [id]);
    return found;
  }

  /** In no particular order. */
  async byIds(organization: OrganizationId, ids: readonly DeliveryId[]): Promise<DeliveryView[]> {
    if (ids.length === 0) return [];
    const query = deliveryRows(this.read()).where(withoutIndex('deliveries.organization_id'), '=', organization);
    const rows = await query.where('deliveries.id_key', 'in', ids.map(idKey)).where('deliveries.id', 'in', ids).execute();
    return rows.map(deliveryView);
  }

  /** Those of them that match, in no particular order. */
  async matching(organization: OrganizationId, ids: readonly DeliveryId[], filter: DeliveryFilter): Promise<DeliveryView[]> {
    const conditions = conditionsOf(organization, filter);
    if (!conditions || ids.length === 0) return [];
    const rows = await this.read()
      .selectFrom('deliveries')
      .select('id')
      .where(withoutIndex('organization_id'), '=', organization)
      .where('id_key', 'in', ids.map(idKey))
      .where('id', 'in', ids)
      .where((is) => is.and([...othersOf(conditions, {}), shownAs(organization, filter.status ?? undefined)]))
      .execute();
    return this.byIds(
      organization,
      rows.map(({ id }) => id),
    );
  }

  /** Newest message first. */
  async page(organization: OrganizationId, { first, after }: PageRequest, filter: DeliveryFilter = {}): Promise<Page<DeliveryView>> {
    const db = this.read();
    const sequences = await newestSequences(db, organization, filter, sequenceKeyOf(after), first + 1);
    const rows =
      sequences.length === 0
        ? []
        : await deliveryRows(db).where('deliveries.sequence', 'in', sequences).orderBy('deliveries.sequence', 'desc').execute();
    return pageOf(rows, { first, after }, (row) => row.sequence, deliveryView);
  }

  /** All that match, not only those after a cursor. */
  count(organization: OrganizationId, filter: DeliveryFilter, max: number): Promise<Count> {
    return countDeliveries(this.read(), organization, filter, max);
  }

  /** Newest message first. Of one message: in the order of its destinations, then those that replays added. */
  async ofMessages(organization: OrganizationId, ids: readonly MessageId[]): Promise<DeliveryView[]> {
    const db = this.read();
    const messages = await messageSequences(db, organization, ids);
    // The deliveries of a message have consecutive sequences, so each is found by its key.
    const sequences = messages.flatMap(({ sequence, destinations }) => Array.from({ length: destinations }, (_, i) => sequence + i));
    sequences.push(...(await sequencesFromReplays(db, organization, ids, new Set(sequences))));
    const pages: Promise<DeliveryRow[]>[] = [];
    for (let from = 0; from < sequences.length; from += maxParameters)
      pages.push(
        deliveryRows(db)
          .where('deliveries.sequence', 'in', sequences.slice(from, from + maxParameters))
          .execute(),
      );
    const order = new Map(sequences.map((sequence, i) => [sequence, i]));
    const rows = (await Promise.all(pages)).flat();
    return rows.sort((a, b) => (order.get(a.sequence) ?? 0) - (order.get(b.sequence) ?? 0)).map(deliveryView);
  }

  /** Oldest message first. */
  async ofBatch(organization: OrganizationId, id: BatchId): Promise<DeliveryView[]> {
    const db = this.read();
    const batch = await db
      .selectFrom('batches')
      .select('sequence')
      .where(withoutIndex('organization_id'), '=', organization)
      .where('id_key', '=', idKey(id))
      .where('id', '=', id)
      .executeTakeFirst();
    if (!batch) return [];
    const rows = await deliveryRows(db).where('deliveries.batch_sequence', '=', batch.sequence).orderBy('deliveries.sequence').execute();
    return rows.map(deliveryView);
  }

  /** The attempts of each delivery, in the order they were made. */
  async attemptsOf(
    organization: OrganizationId,
    ids: readonly DeliveryId[],
  ): Promise<(AttemptView & { readonly deliveryId: DeliveryId })[]> {
    if (ids.length === 0) return [];
    const db = this.read();
    const deliveries = await db
      .selectFrom('deliveries')
      .select(['id', 'sequence', 'batch_sequence'])
      .where(withoutIndex('organization_id'), '=', organization)
      .where('id_key', 'in', ids.map(idKey))
      .where('id', 'in', ids)
      .execute();
    // An attempt of a batch is an attempt of each delivery in it.
    const idsOf = new Map<number, DeliveryId[]>();
    for (const { id, sequence, batch_sequence } of deliveries)
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
    const attempts = await mapInSlices(rows, (row) => {
      const attempt = attemptView(row);
      return (idsOf.get(row.sequence) ?? []).map((deliveryId) => ({ ...attempt, deliveryId }));
    });
    return attempts.flat();
  }

  /** Of those with an attempt. */
  lastAttempts(organization: OrganizationId, ids: readonly DeliveryId[]): Promise<ReadonlyMap<DeliveryId, AttemptView>> {
    return lastAttemptsOfDeliveries(this.read(), organization, ids);
  }

  /** For commands. In no particular order; ids of other organizations are left out. */
  async subjects(organization: OrganizationId, ids: readonly DeliveryId[]): Promise<DeliverySubjectView[]> {
    if (ids.length === 0) return [];
    const rows = await subjectRows(this.read())
      .where(withoutIndex('deliveries.organization_id'), '=', organization)
      .where('deliveries.id_key', 'in', ids.map(idKey))
      .where('deliveries.id', 'in', ids)
      .execute();
    return rows.map(subjectView);
  }

  /** For a bulk retry: how many match at each endpoint. */
  countMatching(organization: OrganizationId, filter: JobFilter): Promise<MatchingCount[]> {
    return countMatching(this.read(), organization, filter);
  }

  /** For a bulk retry: the endpoint's oldest deliveries that match, in this part of them, oldest first. */
  async oldestMatching(
    organization: OrganizationId,
    endpointId: EndpointId,
    filter: JobFilter,
    span: DeliverySpan,
    limit: number,
  ): Promise<DeliverySubjectView[]> {
    const db = this.read();
    const sequences = await oldestSequences(db, organization, endpointId, filter, span, limit);
    if (sequences.length === 0) return [];
    const rows = await subjectRows(db).where('deliveries.sequence', 'in', sequences).orderBy('deliveries.sequence').execute();
    return rows.map(subjectView);
  }

  /**
   * The counts at one position, from one snapshot. Routed, succeeded and failed are counted by events, cancelled and open by rows: if they balance, neither
   * lost nor invented any.
   */
  async conservation(organization: OrganizationId, endpointId?: Optional<EndpointId>): Promise<ConservationView> {
    const db = this.read();
    const scope = endpointId ?? undefined;
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
          : query.where('endpoint_id', '=', scope).where(withoutIndex('organization_id'), '=', organization)
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
}

/** The delivery that comes first of the ordering key. */
const firstOfKey = (is: ExpressionBuilder<ViewsSchema, 'deliveries'>) =>
  is
    .selectFrom('ordered_deliveries as own')
    .innerJoin('ordered_deliveries as first', 'first.queue', 'own.queue')
    .whereRef('own.id', '=', 'deliveries.id')
    .orderBy('first.place')
    .limit(1)
    .select('first.id');

const deliveryRows = (db: Db) =>
  db
    .selectFrom('deliveries')
    .leftJoin('endpoints', 'endpoints.id', 'deliveries.endpoint_id')
    .leftJoin('batches', 'batches.sequence', 'deliveries.batch_sequence')
    .selectAll('deliveries')
    .select([endpointHolds.as('endpoint_holds'), 'endpoints.deleted_at as endpoint_deleted_at'])
    .select((is) => is.case().when('deliveries.status', '=', 'WAITING').then(firstOfKey(is)).end().as('waits_for'))
    .select(['batches.id as batch_id', 'batches.size as batch_size']);

const subjectRows = (db: Db) =>
  db
    .selectFrom('deliveries')
    .leftJoin('batches', 'batches.sequence', 'deliveries.batch_sequence')
    .select(['deliveries.id', 'deliveries.organization_id', 'message_id', 'deliveries.endpoint_id', 'test'])
    .leftJoin('endpoint_health', 'endpoint_health.endpoint_id', 'deliveries.endpoint_id')
    .select(['deliveries.status', 'next_attempt_at', 'deliveries.created_at', 'endpoint_health.state as health'])
    .select(['batches.id as batch_id', 'batches.size as batch_size']);
