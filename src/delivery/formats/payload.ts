// A format: a function from a message and the endpoint's options to a payload, which is sent as JSON.
import type { Json, JsonObject } from '../../domain/json.ts';

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
