// Queries on messages. The first argument is the caller's organization: no query shows another one's data.
import type { Kysely } from 'kysely';
import type { EndpointId, MessageId, OrganizationId, Position } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { idKey } from '../views/tables/id-key.ts';
import { iso, withoutIndex } from './columns.ts';
import type { Count } from './counting.ts';
import { countMessages, newestMessages, type MessageFilter } from './message-pages.ts';
import { outcomesOf, type MessageOutcome } from './message-outcomes.ts';
import { pageOf, sequenceKeyOf, type Page, type PageRequest } from './page.ts';

/** Without the payload, which is in the message's stream. Times are ISO 8601 in UTC with milliseconds. */
export type MessageView = {
  readonly id: MessageId;
  readonly organizationId: OrganizationId;
  readonly clientId: string | null;
  readonly eventType: string;
  readonly orderingKey: string | null;
  /** As the publisher wrote it. */
  readonly timestamp: string;
  readonly acceptedAt: string;
  readonly position: Position;
  readonly destinations: number;
  /** The disabled endpoints that would have received it. */
  readonly skipped: readonly EndpointId[];
  readonly test: boolean;
};

export class MessageQueries {
  /** @param read the current views; called for each query, since a rebuilt version may replace them at any time */
  constructor(private readonly read: () => Kysely<ViewsSchema>) {}

  async find(organization: OrganizationId, id: MessageId): Promise<MessageView | undefined> {
    const [found] = await this.byIds(organization, [id]);
    return found;
  }

  /** In no particular order. */
  async byIds(organization: OrganizationId, ids: readonly MessageId[]): Promise<MessageView[]> {
    if (ids.length === 0) return [];
    const rows = await this.read()
      .selectFrom('messages')
      .selectAll()
      .where(withoutIndex('organization_id'), '=', organization)
      .where('id_key', 'in', ids.map(idKey))
      .where('id', 'in', ids)
      .execute();
    return rows.map(messageView);
  }

  outcomes(organization: OrganizationId, ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, MessageOutcome>> {
    return outcomesOf(this.read(), organization, ids);
  }

  /** Newest first. */
  async page(organization: OrganizationId, { first, after }: PageRequest, filter: MessageFilter = {}): Promise<Page<MessageView>> {
    const db = this.read();
    const sequences = await newestMessages(db, organization, filter, sequenceKeyOf(after), first + 1);
    const rows =
      sequences.length === 0
        ? []
        : await db.selectFrom('messages').selectAll().where('sequence', 'in', sequences).orderBy('sequence', 'desc').execute();
    return pageOf(rows, { first, after }, (row) => row.sequence, messageView);
  }

  /** All that match, not only those after a cursor. */
  count(organization: OrganizationId, filter: MessageFilter, max: number): Promise<Count> {
    return countMessages(this.read(), organization, filter, max);
  }
}

const messageView = (row: ViewsSchema['messages']): MessageView => ({
  id: row.id,
  organizationId: row.organization_id,
  clientId: row.client_id,
  eventType: row.event_type,
  orderingKey: row.ordering_key,
  timestamp: row.timestamp,
  acceptedAt: iso(row.accepted_at),
  position: row.position,
  destinations: row.destinations,
  skipped: JSON.parse(row.skipped) as EndpointId[],
  test: row.test === 1,
});
