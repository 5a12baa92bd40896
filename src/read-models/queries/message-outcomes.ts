// Outcomes of messages: how many deliveries of each ended in which way.
import type { Kysely } from 'kysely';
import type { MessageId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import type { StoredStatus } from '../views/tables/deliveries-table.ts';
import { idKey } from '../views/tables/id-key.ts';
import { withoutIndex } from './columns.ts';

/** Deliveries, by how they ended. `skipped`: endpoints that matched but were disabled. */
export type MessageOutcome = {
  readonly succeeded: number;
  readonly failed: number;
  readonly open: number;
  readonly cancelled: number;
  readonly skipped: number;
};

type Ended = Exclude<keyof MessageOutcome, 'skipped'>;
const columnOf: Readonly<Record<StoredStatus, Ended>> = {
  PENDING: 'open',
  WAITING: 'open',
  RETRYING: 'open',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
};

export const outcomesOf = async (
  db: Kysely<ViewsSchema>,
  organization: OrganizationId,
  ids: readonly MessageId[],
): Promise<ReadonlyMap<MessageId, MessageOutcome>> => {
  if (ids.length === 0) return new Map();
  const messages = await db
    .selectFrom('messages')
    .select(['id', 'sequence', 'destinations', 'skipped'])
    .where(withoutIndex('organization_id'), '=', organization)
    .where('id_key', 'in', ids.map(idKey))
    .where('id', 'in', ids)
    .execute();
  const outcomes = new Map(
    messages.map(({ id, skipped }) => {
      const endpoints = JSON.parse(skipped) as readonly string[];
      return [id, { succeeded: 0, failed: 0, open: 0, cancelled: 0, skipped: endpoints.length }];
    }),
  );
  const add = (id: MessageId, status: StoredStatus, count: number) => {
    const outcome = outcomes.get(id);
    if (outcome) outcome[columnOf[status]] += count;
  };
  if (messages.length === 0) return outcomes;
  // The deliveries of a message have consecutive sequences. Those that a replay added have others.
  const counted = await db
    .selectFrom('messages')
    .innerJoin('deliveries', (join) =>
      join
        .onRef('deliveries.sequence', '>=', 'messages.sequence')
        .on('deliveries.sequence', '<', (is) => is('messages.sequence', '+', is.ref('messages.destinations'))),
    )
    .select(({ fn }) => ['messages.id', 'deliveries.status', fn.countAll<number>().as('count')])
    .where(
      'messages.sequence',
      'in',
      messages.map(({ sequence }) => sequence),
    )
    .groupBy(['messages.id', 'deliveries.status'])
    .execute();
  for (const { id, status, count } of counted) add(id, status, count);
  const replayed = await db
    .selectFrom('deliveries')
    .select(['message_id', 'sequence', 'status'])
    .where('message_id', 'in', ids)
    .where('replay_id', 'is not', null)
    .execute();
  const spans = new Map(messages.map((message) => [message.id, message]));
  for (const { message_id, sequence, status } of replayed) {
    const span = spans.get(message_id);
    if (span && (sequence < span.sequence || sequence >= span.sequence + span.destinations)) add(message_id, status, 1);
  }
  return outcomes;
};
