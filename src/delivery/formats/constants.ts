// The `constants` option of ENVELOPE, FLAT and ARRAY: fields that go into every body.
import { isJsonObject, type JsonObject } from '../../domain/json.ts';

/** The constants without those whose key is taken: a constant never replaces a message's own value. */
export const constantsOf = (options: JsonObject | null, taken: (key: string) => boolean): JsonObject | undefined => {
  const constants = options?.['constants'];
  if (!isJsonObject(constants)) return undefined;
  if (!Object.keys(constants).some(taken)) return constants;
  return Object.fromEntries(Object.entries(constants).filter(([key]) => !taken(key)));
};
