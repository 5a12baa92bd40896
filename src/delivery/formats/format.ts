// The formats: what a message looks like to a receiver. One file each; this is the list of them.
// A body is exactly what `JSON.stringify` makes of its payload, so that `JSON.stringify(JSON.parse(body)) === body`.
import type { PayloadFormat } from '../../domain/endpoint.ts';
import type { JsonObject } from '../../domain/json.ts';
import { envelope } from './envelope.ts';
import { flat } from './flat.ts';
import { FormatError } from './format-error.ts';
import type { Format, FormattedBody, FormattedMessage } from './payload.ts';

export type { Format, FormattedBody, FormattedMessage } from './payload.ts';

const formats: Readonly<Partial<Record<PayloadFormat, Format>>> = { ENVELOPE: envelope, FLAT: flat };

/** Those that can be set on an endpoint. */
export const availableFormats = Object.keys(formats) as readonly PayloadFormat[];

/** One message, or those of a batch: the list of what each alone would be. */
export type Messages = FormattedMessage | readonly FormattedMessage[];

/** @throws FormatError when the message can't be put in that format. */
export const formatBody = (format: PayloadFormat, messages: Messages, options: JsonObject | null): FormattedBody => {
  const put = formats[format];
  if (!put) throw new FormatError(`The format ${format} is not available in this version; choose ${availableFormats.join(' or ')}.`);
  if ('type' in messages) return put(messages, options);
  return { body: `[${messages.map((each) => put(each, options).body).join(',')}]`, contentType: 'application/json' };
};
