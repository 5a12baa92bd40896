// The table of accepted messages, without their payload, which is in the log.
import type { MessageId, OrganizationId, Position } from '../../../domain/ids.ts';
import { messageIdIn } from '../../../domain/streams.ts';
import { idKey } from './id-key.ts';
import type { Reducer } from './reducer.ts';
import type { Sequences } from './sequences.ts';
import { momentOf, type Flag, type Milliseconds, type Table } from './table.ts';

type MessageRow = {
  sequence: number;
  id: MessageId;
  id_key: number;
  organization_id: OrganizationId;
  client_id: string | null;
  event_type: string;
  ordering_key: string | null;
  /** As the publisher wrote it. */
  timestamp: string;
  accepted_at: Milliseconds;
  position: Position;
  destinations: number;
  /** JSON array of endpoint ids. */
  skipped: string;
  test: Flag;
};

export const messages: Table<MessageRow> = {
  columns: {
    sequence: 'int64',
    id: 'text',
    id_key: 'int64',
    organization_id: 'text',
    client_id: 'text?',
    event_type: 'text',
    ordering_key: 'text?',
    timestamp: 'text',
    accepted_at: 'int64',
    position: 'text',
    destinations: 'integer',
    skipped: 'text',
    test: 'integer',
  },
  primaryKey: ['sequence'],
  indexes: [
    // Ids that publishers give are hashed, so they come in no order: the one index that is expensive to grow row by row.
    { columns: ['id_key'], queriesOnly: true },
    { columns: ['organization_id', 'sequence'] },
    { columns: ['organization_id', 'event_type', 'sequence'] },
    { name: 'messages_of_key', columns: ['organization_id', 'ordering_key', 'sequence'], whereNotNull: 'ordering_key', queriesOnly: true },
    { name: 'messages_unrouted', columns: ['organization_id', 'sequence'], whereIs: ['destinations', 0], queriesOnly: true },
  ],
};

export const reduceMessages = (sequences: Sequences): Reducer => {
  const accepted: MessageRow[] = [];
  return {
    on: {
      'message.accepted': (event) => {
        const { stream, data, position, recordedAt } = event;
        const id = messageIdIn(stream);
        accepted.push({
          sequence: sequences.of(event),
          id,
          id_key: idKey(id),
          organization_id: data.organizationId,
          client_id: data.clientId ?? null,
          event_type: data.type,
          ordering_key: data.orderingKey ?? null,
          timestamp: data.timestamp,
          accepted_at: momentOf(recordedAt),
          position,
          destinations: data.destinations.length,
          skipped: data.skipped.length === 0 ? '[]' : JSON.stringify(data.skipped),
          test: data.test ? 1 : 0,
        });
      },
    },
    write: (tx) => tx.insert('messages', accepted),
  };
};
