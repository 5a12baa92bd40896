// Delivery progress: which deliveries and batches an event moves on. Tells the dispatcher which attempts in memory are out of date.
import type { EndpointId } from '../../domain/ids.ts';
import { batchIdIn, deliveryIdIn } from '../../domain/streams.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import type { DeliveryOrBatchId } from './saga-commands.ts';

export type DeliveryProgress = {
  readonly endpointId: EndpointId;
  readonly ids: readonly DeliveryOrBatchId[];
  readonly cancelled: boolean;
};

/** A closed batch also moves on the deliveries in it. One that was closed to be cancelled cancels its delivery, which may wait to go with others. */
export const progressIn = (event: RecordedEvent): DeliveryProgress | undefined => {
  switch (event.type) {
    case 'delivery.attempt-succeeded':
    case 'delivery.attempt-failed':
    case 'delivery.exhausted':
    case 'delivery.retry-requested':
    case 'delivery.replay-requested':
      return { endpointId: event.data.endpointId, ids: [deliveryIdIn(event.stream)], cancelled: false };
    case 'batch.attempt-succeeded':
    case 'batch.attempt-failed':
    case 'batch.exhausted':
    case 'batch.retry-requested':
    case 'batch.replay-requested':
      return { endpointId: event.data.endpointId, ids: [batchIdIn(event.stream)], cancelled: false };
    case 'delivery.cancelled':
      return { endpointId: event.data.endpointId, ids: [deliveryIdIn(event.stream)], cancelled: true };
    case 'batch.cancelled':
      return { endpointId: event.data.endpointId, ids: [batchIdIn(event.stream)], cancelled: true };
    case 'batch.closed': {
      const { endpointId, messages, cancelled = false } = event.data;
      const ids = [batchIdIn(event.stream), ...messages.map((id) => deliveryIdOf(id, endpointId))];
      return { endpointId, ids, cancelled };
    }
    default:
      return undefined;
  }
};
