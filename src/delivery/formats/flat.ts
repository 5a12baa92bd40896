// FLAT: the message's data with the constants after it. Where both have a key, the data's value stands.
import { constantsOf } from './constants.ts';
import type { Format } from './payload.ts';

export const flat: Format = ({ data }, options) => {
  const constants = constantsOf(options, (key) => Object.hasOwn(data, key));
  return { body: JSON.stringify(constants ? { ...data, ...constants } : data), contentType: 'application/json' };
};
