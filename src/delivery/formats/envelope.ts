// ENVELOPE: {"event", "timestamp", …constants, "data"}, in this order.
import { constantsOf } from './constants.ts';
import type { Format } from './payload.ts';

export const envelope: Format = ({ type, timestamp, data }, options) => {
  const constants = constantsOf(options, (key) => key === 'event' || key === 'timestamp' || key === 'data');
  const payload = constants ? { event: type, timestamp, ...constants, data } : { event: type, timestamp, data };
  return { body: JSON.stringify(payload), contentType: 'application/json' };
};
