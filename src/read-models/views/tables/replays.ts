// The table of replays: what each was asked to send, and how far it has come.
import type { EndpointId, MessageId, OrganizationId, Position, ReplayId } from '../../../domain/ids.ts';
import { replayEvents, type ReplayEvent } from '../../../domain/replay.ts';
import { replayIdIn } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { onEach, type Reducer } from './reducer.ts';
import type { Milliseconds, Table } from './table.ts';

export type ReplayStatus = 'RUNNING' | 'FINISHED' | 'CANCELLED';

export type ReplayRow = {
  id: ReplayId;
  organization_id: OrganizationId;
  endpoint_id: EndpointId;
  /** JSON of the domain's ReplayFilter. */
  filter: string;
  /** Messages per second, a decimal number. */
  rate: string;
  requested_by: string;
  requested_at: Milliseconds;
  requested_position: Position;
  status: ReplayStatus;
  /** The last message examined, and when it was accepted. */
  after_message: MessageId | null;
  came_to: Milliseconds | null;
  /** Messages examined. */
  looked: number;
  sent: number;
  ended_at: Milliseconds | null;
  /** Why it was cancelled. */
  reason: string | null;
};

export const replays: Table<ReplayRow> = {
  columns: {
    id: 'text',
    organization_id: 'text',
    endpoint_id: 'text',
    filter: 'text',
    rate: 'text',
    requested_by: 'text',
    requested_at: 'int64',
    requested_position: 'text',
    status: 'text',
    after_message: 'text?',
    came_to: 'int64?',
    looked: 'int64',
    sent: 'int64',
    ended_at: 'int64?',
    reason: 'text?',
  },
  primaryKey: ['id'],
  indexes: [{ columns: ['organization_id', 'requested_position'] }, { columns: ['status'] }],
};

export const reduceReplays = (): Reducer => {
  const events: RecordedEvent<ReplayEvent>[] = [];
  return {
    on: onEach(replayEvents, (event) => events.push(event)),
    async write(tx) {
      if (events.length === 0) return;
      const ids = Array.from(new Set(events.map(({ stream }) => replayIdIn(stream))));
      const earlier = await tx.kysely.selectFrom('replays').selectAll().where('id', 'in', ids).execute();
      const rows = new Map(earlier.map((row) => [row.id, row]));
      for (const event of events) {
        const id = replayIdIn(event.stream);
        const row = evolveRow(id, rows.get(id), event);
        if (row) rows.set(id, row);
      }
      await tx.upsert('replays', ['id'], [...rows.values()]);
    },
  };
};

const evolveRow = (id: ReplayId, before: ReplayRow | undefined, event: RecordedEvent<ReplayEvent>): ReplayRow | undefined => {
  switch (event.type) {
    case 'replay.requested': {
      const { organizationId, endpointId, filter, ratePerSecond, at } = event.data;
      return {
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
      };
    }
    case 'replay.progressed': {
      const { after, cameTo, looked, sent } = event.data;
      return before && { ...before, after_message: after, came_to: Date.parse(cameTo), looked, sent };
    }
    case 'replay.finished':
      return before && { ...before, status: 'FINISHED', ended_at: Date.parse(event.data.at), reason: null };
    case 'replay.cancelled':
      return before && { ...before, status: 'CANCELLED', ended_at: Date.parse(event.data.at), reason: event.data.reason };
  }
};
