// The table of closed batches: messages that go to an endpoint in one request. Deliveries name the batch they go in.
import type { BatchId, EndpointId, OrganizationId } from '../../../domain/ids.ts';
import { batchIdIn } from '../../../domain/streams.ts';
import { idKey } from './id-key.ts';
import type { Reducer } from './reducer.ts';
import type { Sequences } from './sequences.ts';
import type { Table } from './table.ts';

type BatchRow = {
  /** In one order with the sequences of messages, and different from all of them. */
  sequence: number;
  id: BatchId;
  id_key: number;
  organization_id: OrganizationId;
  endpoint_id: EndpointId;
  size: number;
};

export const batches: Table<BatchRow> = {
  columns: { sequence: 'int64', id: 'text', id_key: 'int64', organization_id: 'text', endpoint_id: 'text', size: 'integer' },
  primaryKey: ['sequence'],
  indexes: [{ columns: ['id_key'] }],
};

export const reduceBatches = (sequences: Sequences): Reducer => {
  const closed: BatchRow[] = [];
  return {
    on: {
      'batch.closed': (event) => {
        const id = batchIdIn(event.stream);
        const { organizationId, endpointId, messages } = event.data;
        closed.push({
          sequence: sequences.of(event),
          id,
          id_key: idKey(id),
          organization_id: organizationId,
          endpoint_id: endpointId,
          size: messages.length,
        });
      },
    },
    write: (tx) => tx.insert('batches', closed),
  };
};
