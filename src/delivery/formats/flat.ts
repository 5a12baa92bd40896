// FLAT: the message's data, then the constants. If both have a key, the data's value wins.
import { constantsOf, type Format } from './payload.ts';

export const flat: Format = {
  contentType: 'application/json',
  lists: 'batches',
  payload: ({ data }, options) => {
    const constants = constantsOf(options, (key) => Object.hasOwn(data, key));
    return constants ? { ...data, ...constants } : data;
  },
};
