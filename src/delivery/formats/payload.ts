// What a format is: a function from a message and the endpoint's options to a body.
import type { JsonObject } from '../../domain/json.ts';

/** `timestamp` is as the publisher wrote it. */
export type FormattedMessage = { readonly id: string; readonly type: string; readonly timestamp: string; readonly data: JsonObject };
export type FormattedBody = { readonly body: string; readonly contentType: string };

/** Pure. @throws FormatError with a sentence, when the message can't be put so. */
export type Format = (message: FormattedMessage, options: JsonObject | null) => FormattedBody;
