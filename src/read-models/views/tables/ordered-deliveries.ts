// The table of deliveries that take turns under an ordering key, and which deliveries wait because of it.
import type { DeliveryId } from '../../../domain/ids.ts';
import { batchIdIn, deliveryIdIn, messageIdIn } from '../../../domain/streams.ts';
import { deliveryIdOf } from '../../../event-store/id-generation.ts';
import { OrderChanges, queueOf, type MayHaveRows, type OrderedDeliveryRow } from '../../ordering/ordered-deliveries.ts';
import type { ViewEvent } from '../view-event.ts';
import type { DeliveryReducer } from './deliveries.ts';
import { endpointIdIn } from '../../../domain/streams.ts';
import type { Handlers, Reducer } from './reducer.ts';
import type { Table } from './table.ts';

export const orderedDeliveries: Table<OrderedDeliveryRow> = {
  columns: { id: 'text', unit: 'text', queue: 'text', place: 'text', endpoint_id: 'text', detail: 'text?' },
  primaryKey: ['id'],
  indexes: [
    { name: 'ordered_deliveries_by_queue', columns: ['queue', 'place'] },
    { name: 'ordered_deliveries_by_unit', columns: ['unit'] },
    { name: 'ordered_deliveries_by_endpoint', columns: ['endpoint_id'] },
  ],
};

/** Writes before `deliveries`, whose rows say which deliveries wait. */
export const reduceOrder = (deliveries: Pick<DeliveryReducer, 'wait' | 'stopWaiting'>, mayHaveRows: MayHaveRows): Reducer => {
  const changes = new OrderChanges();
  const ends = ({ stream }: ViewEvent) => changes.end(stream.startsWith('batch-') ? batchIdIn(stream) : deliveryIdIn(stream));
  const endsUnlessHeld = (event: Extract<ViewEvent, { readonly type: `${'delivery' | 'batch'}.exhausted` }>) => {
    if (!event.data.holdsKey) ends(event);
  };
  const requested = (event: Extract<ViewEvent, { readonly type: `delivery.${'retry' | 'replay'}-requested` }>) => {
    if (!event.data.reopened) changes.ask(deliveryIdIn(event.stream), null);
  };
  const on: Handlers = {
    'message.accepted': ({ stream, position, data: { destinations, orderingKey = '' } }) => {
      for (const { endpointId, ordering } of destinations) {
        if (ordering === undefined) continue;
        const id = deliveryIdOf(messageIdIn(stream), endpointId);
        const queue = queueOf(endpointId, ordering === 'STRICT' ? '' : orderingKey);
        changes.accept({ id, unit: id, queue, place: position, endpoint_id: endpointId, detail: null });
      }
    },
    'batch.closed': ({ stream, data: { endpointId, messages } }) =>
      changes.join(
        batchIdIn(stream),
        messages.map((id) => deliveryIdOf(id, endpointId)),
      ),
    'delivery.attempt-succeeded': ends,
    'batch.attempt-succeeded': ends,
    'delivery.cancelled': ends,
    'batch.cancelled': ends,
    'delivery.exhausted': endsUnlessHeld,
    'batch.exhausted': endsUnlessHeld,
    'delivery.retry-requested': requested,
    'delivery.replay-requested': requested,
    'endpoint.deleted': ({ stream }) => changes.release(endpointIdIn(stream)),
  };
  return {
    on,
    async write(tx) {
      const { begun, joined, waiting, released } = await changes.write(tx, mayHaveRows);
      const stopped: DeliveryId[] = [...begun.map(({ id }) => id), ...joined];
      for (const id of stopped) deliveries.stopWaiting(id);
      for (const id of waiting) deliveries.wait(id);
      for (const id of released)
        await tx.kysely
          .updateTable('deliveries')
          .set({ status: 'PENDING' })
          .where('endpoint_id', '=', id)
          .where('status', '=', 'WAITING')
          .execute();
    },
  };
};
