// A format: a function from a message and the endpoint's options to a payload, which is sent as JSON.
import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';

/** `timestamp` is as the publisher wrote it. */
export type FormattedMessage = { readonly id: string; readonly type: string; readonly timestamp: string; readonly data: JsonObject };
export type FormattedBody = { readonly body: string; readonly contentType: string };

export type Format = {
  readonly contentType: string;
  /** Whether a body can be the list of several messages' payloads. `always`: a single message is a list, too. */
  readonly lists: 'never' | 'batches' | 'always';
  /** Pure. `options`: decrypted. @throws FormatError with a sentence if the message can't be put in this format */
  readonly payload: (message: FormattedMessage, options: JsonObject | null) => Json;
};

/** The `constants` option of ENVELOPE, FLAT and ARRAY, without keys that are taken: a constant never replaces a message's own value. */
export const constantsOf = (options: JsonObject | null, taken: (key: string) => boolean): JsonObject | undefined => {
  const constants = options?.['constants'];
  if (!isJsonObject(constants)) return undefined;
  if (!Object.keys(constants).some(taken)) return constants;
  return Object.fromEntries(Object.entries(constants).filter(([key]) => !taken(key)));
};
