// What a format is: a function from a message and the endpoint's options to a payload, which is sent as JSON.
import type { Json, JsonObject } from '../../domain/json.ts';

/** `timestamp` is as the publisher wrote it. */
export type FormattedMessage = { readonly id: string; readonly type: string; readonly timestamp: string; readonly data: JsonObject };
export type FormattedBody = { readonly body: string; readonly contentType: string };

export type Format = {
  readonly contentType: string;
  /** Whether a body can carry several messages, as the list of what each alone would be; `always`: one message is such a list, too. */
  readonly lists: 'never' | 'batches' | 'always';
  /** Pure. `options`: decrypted. @throws FormatError with a sentence, when the message can't be put so. */
  readonly payload: (message: FormattedMessage, options: JsonObject | null) => Json;
};
