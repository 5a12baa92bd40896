// Queries on replays: for the API, whose first argument is the caller's organization, and for the replayer.
import type { Kysely } from 'kysely';
import type { DeliveryId, EndpointId, MessageId, OrganizationId, ReplayId } from '../../domain/ids.ts';
import type { ReplayFilter } from '../../domain/replay.ts';
import { iso, isoOrNull, sequenceBefore } from './columns.ts';
import { countUpTo, type Count, type Walk } from './counting.ts';
import { pageOf, positionKeyOf, sequenceKeyOf, type Page, type PageRequest } from './page.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { idKey } from '../views/tables/id-key.ts';
import type { ReplayRow, ReplayStatus } from '../views/tables/replays.ts';
import { sequenceAt } from '../views/tables/sequences.ts';

/** Times are ISO 8601 in UTC with milliseconds. */
export type ReplayView = {
  readonly id: ReplayId;
  readonly endpointId: EndpointId;
  readonly filter: ReplayFilter;
  readonly ratePerSecond: number;
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly status: ReplayStatus;
  /** When the last message examined was accepted. Null: none was examined yet. */
  readonly cameTo: string | null;
  /** Messages examined. */
  readonly looked: number;
  readonly sent: number;
  readonly endedAt: string | null;
  readonly reason: string | null;
};

/** A message that a replay may send. */
export type PastMessage = { readonly id: MessageId; readonly eventType: string; readonly acceptedAt: string };

export class ReplayQueries {
  /** @param read the current views; called for each query, since a rebuilt version may replace them at any time */
  constructor(private readonly read: () => Kysely<ViewsSchema>) {}

  async find(organization: OrganizationId, id: ReplayId): Promise<ReplayView | undefined> {
    const [found] = await this.byIds(organization, [id]);
    return found;
  }

  /** In no particular order. */
  async byIds(organization: OrganizationId, ids: readonly ReplayId[]): Promise<ReplayView[]> {
    if (ids.length === 0) return [];
    const query = this.read().selectFrom('replays').selectAll().where('organization_id', '=', organization);
    return (await query.where('id', 'in', ids).execute()).map(replayView);
  }

  /** Newest first. */
  async page(organization: OrganizationId, { first, after }: PageRequest): Promise<Page<ReplayView>> {
    const before = positionKeyOf(after);
    let query = this.read().selectFrom('replays').selectAll().where('organization_id', '=', organization);
    if (before !== undefined) query = query.where('requested_position', '<', before);
    const rows = await query
      .orderBy('requested_position', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(rows, { first, after }, (row) => row.requested_position, replayView);
  }

  /** The running replays of all organizations. */
  async running(): Promise<ReplayId[]> {
    const rows = await this.read().selectFrom('replays').select('id').where('status', '=', 'RUNNING').execute();
    return rows.map(({ id }) => id);
  }

  /** What a replay examines next, oldest first: messages accepted before it was requested, without tests. */
  async messagesAfter(id: ReplayId, after: MessageId | null, limit: number): Promise<PastMessage[]> {
    const db = this.read();
    const replay = await db.selectFrom('replays').selectAll().where('id', '=', id).executeTakeFirst();
    if (!replay) return [];
    const { eventType, messageId, since, until } = filterIn(replay);
    const last = after === null ? undefined : await this.sequenceOf(after);
    let query = db
      .selectFrom('messages')
      .select(['id', 'event_type', 'accepted_at'])
      .where('organization_id', '=', replay.organization_id)
      .where('sequence', '>', last ?? -1)
      .where('sequence', '<', sequenceBefore(replay.requested_at))
      .where('position', '<', replay.requested_position)
      .where('test', '=', 0);
    if (eventType !== undefined) query = query.where('event_type', '=', eventType);
    if (messageId !== undefined) query = query.where('id', '=', messageId);
    if (since !== undefined)
      query = query.where('sequence', '>=', sequenceAt(Date.parse(since))).where('accepted_at', '>=', Date.parse(since));
    if (until !== undefined)
      query = query.where('sequence', '<', sequenceBefore(Date.parse(until))).where('accepted_at', '<', Date.parse(until));
    const rows = await query.orderBy('sequence').limit(limit).execute();
    return rows.map(({ id, event_type, accepted_at }) => ({ id, eventType: event_type, acceptedAt: iso(accepted_at) }));
  }

  /** The deliveries that this replay sent and no later one did, newest message first. */
  async deliveriesOf(organization: OrganizationId, id: ReplayId, { first, after }: PageRequest): Promise<Page<DeliveryId>> {
    const before = sequenceKeyOf(after);
    let query = this.read().selectFrom('deliveries').select(['id', 'sequence']).where('replay_id', '=', id);
    if (before !== undefined) query = query.where('sequence', '<', before);
    const rows = await query
      .where('organization_id', '=', organization)
      .orderBy('sequence', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(
      rows,
      { first, after },
      ({ sequence }) => sequence,
      (row) => row.id,
    );
  }

  /** How many deliveries `deliveriesOf` has in all its pages. */
  countDeliveries(organization: OrganizationId, id: ReplayId, max: number): Promise<Count> {
    const db = this.read();
    const ofReplay: Walk = (before, limit) => {
      const rows = db
        .selectFrom('deliveries')
        .select('sequence as key')
        .select((is) => is.lit(1).as('hit'))
        .where('replay_id', '=', id)
        .where('organization_id', '=', organization)
        .orderBy('sequence', 'desc')
        .limit(limit);
      return before === undefined ? rows : rows.where('sequence', '<', Number(before));
    };
    return countUpTo(db, [ofReplay], max);
  }

  private async sequenceOf(id: MessageId): Promise<number | undefined> {
    const query = this.read().selectFrom('messages').select('sequence').where('id_key', '=', idKey(id)).where('id', '=', id);
    return (await query.executeTakeFirst())?.sequence;
  }
}

const filterIn = ({ filter }: Pick<ReplayRow, 'filter'>) => JSON.parse(filter) as ReplayFilter;

const replayView = (row: ReplayRow): ReplayView => ({
  id: row.id,
  endpointId: row.endpoint_id,
  filter: filterIn(row),
  ratePerSecond: Number(row.rate),
  requestedBy: row.requested_by,
  requestedAt: iso(row.requested_at),
  status: row.status,
  cameTo: isoOrNull(row.came_to),
  looked: row.looked,
  sent: row.sent,
  endedAt: isoOrNull(row.ended_at),
  reason: row.reason,
});
