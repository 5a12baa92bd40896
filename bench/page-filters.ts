// The filters that bench/pages.ts measures.
import type { EndpointId, MessageId } from '../src/domain/ids.ts';
import type { DeliveryFilter } from '../src/read-models/queries/delivery-filter.ts';
import type { MessageFilter } from '../src/read-models/queries/message-pages.ts';

/** @param at a moment of the log: 0 is its beginning, 1 its end @param last a message */
export const deliveryFilters = (
  endpoints: readonly EndpointId[],
  at: (share: number) => Date,
  last: MessageId,
): Record<string, DeliveryFilter> => ({
  'all deliveries': {},
  'of an endpoint': { endpointId: endpoints[3] },
  FAILED: { status: ['FAILED'] },
  'RETRYING or PENDING': { status: ['RETRYING', 'PENDING'] },
  HELD: { status: ['HELD'] },
  'of a type': { eventType: 'alert.created' },
  'of a rare type': { eventType: 'rare.type' },
  'in an hour': { since: at(0.5), until: new Date(+at(0.5) + 3_600_000) },
  'with a code': { responseCode: 503 },
  'with a rare code': { responseCode: 202 },
  'with a code that never occurs': { responseCode: 418 },
  'of an endpoint, with a code': { endpointId: endpoints[0], responseCode: 503 },
  'of an endpoint, a type, FAILED, in a day': {
    endpointId: endpoints[0],
    eventType: 'meeting.started',
    status: ['FAILED'],
    since: at(0.4),
    until: new Date(+at(0.4) + 86_400_000),
  },
  'of a message': { messageId: last },
  'of three types': { eventTypes: ['meeting.started', 'alert.created', 'rare.type'] },
  'of ten endpoints, two types': { endpointIds: endpoints.slice(0, 10), eventTypes: ['meeting.started', 'user.joined'] },
  'with a failure': { failure: ['HTTP_STATUS'] },
  'with a failure that never occurs': { failure: ['DNS'] },
  'with a code from 400 to 599': { responseCodeFrom: 400, responseCodeUntil: 599 },
  'of tests': { test: true },
  'with a failure, of a type, of two endpoints, no tests': {
    failure: ['HTTP_STATUS'],
    eventTypes: ['meeting.started'],
    endpointIds: endpoints.slice(0, 2),
    test: false,
  },
});

export const messageFilters: Record<string, MessageFilter> = {
  'of two types': { eventTypes: ['user.joined', 'rare.type'] },
  'of an ordering key': { orderingKey: 'customer-17' },
  'that went nowhere': { unrouted: true },
  'that went nowhere, of a rare type': { unrouted: true, eventType: 'rare.type' },
  'of a client id': { clientId: 'order-4711' },
};
