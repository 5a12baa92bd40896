// ENVELOPE: {"event", "timestamp", …constants, "data"}, in this order.
import { constantsOf, type Format } from './payload.ts';

export const envelope: Format = {
  contentType: 'application/json',
  lists: 'batches',
  payload: ({ type, timestamp, data }, options) => {
    const constants = constantsOf(options, (key) => key === 'event' || key === 'timestamp' || key === 'data');
    return constants ? { event: type, timestamp, ...constants, data } : { event: type, timestamp, data };
  },
};
