// The queries on replays: what is shown of them, and what carries them out. The first argument is the organization that asks.
import type { Kysely } from 'kysely';
import type { DeliveryId, EndpointId, MessageId, OrganizationId, ReplayId } from '../../domain/ids.ts';
import type { ReplayFilter } from '../../domain/replay.ts';
import { keyOf, pageOf, type Page, type PageRequest } from './page.ts';
import { idKey, sequenceAt, type ReplayStatus, type ViewsSchema } from './schema.ts';

/** Moments are ISO 8601 in UTC with milliseconds. */
export type ReplayView = {
  readonly id: ReplayId;
  readonly endpointId: EndpointId;
  readonly filter: ReplayFilter;
  readonly ratePerSecond: number;
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly status: ReplayStatus;
  /** When the message was accepted that was looked at last; null: none was yet. */
  readonly cameTo: string | null;
  readonly looked: number;
  readonly sent: number;
  readonly endedAt: string | null;
  readonly reason: string | null;
};

/** A message that a replay may be about. */
export type PastMessage = { readonly id: MessageId; readonly eventType: string; readonly acceptedAt: string };

type Row = ViewsSchema['replays'];

/** What was accepted in the moment of the request may have its sequence a little later. */
const roomMs = 5_000;

export class ReplayQueries {
  /** @param read where the views are now; asked for each query */
  constructor(private readonly read: () => Kysely<ViewsSchema>) {}

  async replay(organization: OrganizationId, id: ReplayId): Promise<ReplayView | undefined> {
    const [found] = await this.replaysById(organization, [id]);
    return found;
  }

  /** In no order. */
  async replaysById(organization: OrganizationId, ids: readonly ReplayId[]): Promise<ReplayView[]> {
    if (ids.length === 0) return [];
    const query = this.read().selectFrom('replays').selectAll().where('organization_id', '=', organization);
    return (await query.where('id', 'in', ids).execute()).map(replayView);
  }

  /** Newest first. */
  async replays(organization: OrganizationId, { first, after }: PageRequest): Promise<Page<ReplayView>> {
    const key = keyOf(after);
    let query = this.read().selectFrom('replays').selectAll().where('organization_id', '=', organization);
    if (key !== undefined) query = query.where('requested_position', '<', key as Row['requested_position']);
    const rows = await query
      .orderBy('requested_position', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(rows, first, (row) => row.requested_position, replayView);
  }

  /** Of all organizations. */
  async running(): Promise<ReplayId[]> {
    const rows = await this.read().selectFrom('replays').select('id').where('status', '=', 'RUNNING').execute();
    return rows.map(({ id }) => id);
  }

  /** What a replay looks at next, oldest first: messages that were accepted before it was requested; tests are none. */
  async messagesAfter(id: ReplayId, after: MessageId | null, limit: number): Promise<PastMessage[]> {
    const db = this.read();
    const replay = await db.selectFrom('replays').selectAll().where('id', '=', id).executeTakeFirst();
    if (!replay) return [];
    const { eventType, since, until } = JSON.parse(replay.filter) as ReplayFilter;
    const last = after === null ? undefined : await this.sequenceOf(after);
    let query = db
      .selectFrom('messages')
      .select(['id', 'event_type', 'accepted_at'])
      .where('organization_id', '=', replay.organization_id)
      .where('sequence', '>', last ?? -1)
      .where('sequence', '<', sequenceAt(replay.requested_at + roomMs))
      .where('position', '<', replay.requested_position)
      .where('test', '=', 0);
    if (eventType !== undefined) query = query.where('event_type', '=', eventType);
    if (since !== undefined)
      query = query.where('sequence', '>=', sequenceAt(Date.parse(since))).where('accepted_at', '>=', Date.parse(since));
    if (until !== undefined)
      query = query.where('sequence', '<', sequenceAt(Date.parse(until) + roomMs)).where('accepted_at', '<', Date.parse(until));
    const rows = await query.orderBy('sequence').limit(limit).execute();
    return rows.map(({ id, event_type, accepted_at }) => ({ id, eventType: event_type, acceptedAt: iso(accepted_at) }));
  }

  /** The deliveries that a replay sent last, newest message first. */
  async deliveriesOf(organization: OrganizationId, id: ReplayId, { first, after }: PageRequest): Promise<Page<DeliveryId>> {
    const key = keyOf(after);
    let query = this.read().selectFrom('deliveries').select(['id', 'sequence']).where('replay_id', '=', id);
    if (key !== undefined) query = query.where('sequence', '<', Number(key));
    const rows = await query
      .where('organization_id', '=', organization)
      .orderBy('sequence', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(
      rows,
      first,
      ({ sequence }) => sequence,
      (row) => row.id,
    );
  }

  private async sequenceOf(id: MessageId): Promise<number | undefined> {
    const query = this.read().selectFrom('messages').select('sequence').where('id_key', '=', idKey(id)).where('id', '=', id);
    return (await query.executeTakeFirst())?.sequence;
  }
}

const iso = (milliseconds: number) => new Date(milliseconds).toISOString();
const isoOrNull = (milliseconds: number | null) => (milliseconds === null ? null : iso(milliseconds));

const replayView = (row: Row): ReplayView => ({
  id: row.id,
  endpointId: row.endpoint_id,
  filter: JSON.parse(row.filter) as ReplayFilter,
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
