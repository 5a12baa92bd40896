// The option that ENVELOPE, FLAT and ARRAY share: `constants`, fields that go into every body.
import type { JsonObject } from '../../domain/json.ts';

/** The constants but for those whose key is taken: a constant never replaces what a message says. */
export const constantsOf = (options: JsonObject | null, taken: (key: string) => boolean): JsonObject | undefined => {
  const constants = options?.['constants'];
  if (typeof constants !== 'object' || constants === null || Array.isArray(constants)) return undefined;
  if (!Object.keys(constants).some(taken)) return constants;
  return Object.fromEntries(Object.entries(constants).filter(([key]) => !taken(key)));
};
