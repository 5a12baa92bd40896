// From an event of a source to its message, or to the reason to skip the event. A function of the event and the settings alone, so it gives the same
// result whenever the event is read again.
import { createHash } from 'node:crypto';
import { isExactNumber } from '../domain/exact-number.ts';
import { isJsonObject, type Json, type JsonObject } from '../domain/json.ts';
import { largestData, longestMessageType, longestOrderingKey, messageTypeSyntax } from '../domain/message.ts';
import { isOwnType } from '../domain/operational-message.ts';
import type { SourceSettings } from '../domain/source.ts';
import type { MessageInput } from '../commands/publish-messages.ts';
import { parseStrictJson, UnreadableJson } from '../commands/strict-json.ts';
import { FormatError, NotEvaluated } from '../delivery/formats/format-error.ts';
import type { TemplateInput } from '../delivery/formats/template.ts';
import type { ForeignEvent } from '../event-store/foreign-events.ts';

/** @throws FormatError with a sentence; NotEvaluated if the same evaluation may succeed later */
export type Evaluate = (template: string, event: TemplateInput) => Promise<Json>;

/** The event can't become a message. The error's message says why, in a sentence. */
class Skipped extends Error {}

const parse = (text: string): Json => {
  try {
    return parseStrictJson(Buffer.from(text));
  } catch (error) {
    if (!(error instanceof UnreadableJson)) throw error;
    throw new Skipped(error.path === '' ? error.message : `At "${error.path}": ${error.message}`);
  }
};

const typeOf = ({ type }: ForeignEvent, { types }: SourceSettings): string => {
  const named = Object.hasOwn(types, type) ? (types[type] ?? type) : type;
  if (isOwnType(named))
    throw new Skipped(
      `"${shorten(named, 100)}" can't be the type of a message: such types are Hookledger's own; map it to another in mapping.type.`,
    );
  if (named.length <= longestMessageType && messageTypeSyntax.test(named)) return named;
  throw new Skipped(
    `"${shorten(named, 100)}" can't be the type of a message: a type is words of A-Z, a-z, 0-9, _ and -, separated by dots, with ${longestMessageType} characters at most; map it to one in mapping.type.`,
  );
};

const kindOf = (value: Json) =>
  value === null ? 'null' : Array.isArray(value) ? 'a list' : isExactNumber(value) ? 'a number' : `a ${typeof value}`;

const objectOf = (value: Json, what: string, remedy: string): JsonObject => {
  if (isJsonObject(value)) return value;
  throw new Skipped(`${what} is ${kindOf(value)}, and a message's data is a JSON object; ${remedy}.`);
};

const dataOf = async (event: ForeignEvent, { template }: SourceSettings, evaluate: Evaluate): Promise<JsonObject> => {
  if (event.data === undefined) throw new Skipped('Its data is not JSON: the event was written with another content type.');
  const own = parse(event.data);
  const { id, stream, type, recordedAt: timestamp } = event;
  const data =
    template === null
      ? objectOf(own, 'Its data', 'make it one in mapping.data')
      : objectOf(await evaluate(template, { id, stream, type, timestamp, data: own }), "The template's result", 'let it yield one');
  const text = JSON.stringify(data);
  const bytes = Buffer.byteLength(text);
  if (bytes > largestData)
    throw new Skipped(
      `Its data has ${bytes} bytes as JSON, and a message's data at most ${largestData} (256 KiB); let mapping.data yield less of it.`,
    );
  if (template !== null) parse(text);
  return data;
};

/** Events of one stream belong together. A name that is too long is cut, and its hash keeps it apart from others. */
const orderingKeyOf = ({ stream }: ForeignEvent): string => {
  const name = stream.toWellFormed().replaceAll('\0', '\uFFFD');
  if (name.length <= longestOrderingKey) return name;
  const hash = createHash('sha256').update(stream).digest('hex');
  return `${name.slice(0, longestOrderingKey - hash.length - 1).toWellFormed()}~${hash}`;
};

/** @returns the message, or the reason to skip the event. @throws NotEvaluated if the template could not be evaluated now */
export const messageOf = async (event: ForeignEvent, settings: SourceSettings, evaluate: Evaluate): Promise<MessageInput | string> => {
  try {
    const type = typeOf(event, settings);
    const data = await dataOf(event, settings, evaluate);
    return { id: event.id, type, timestamp: event.recordedAt, data, orderingKey: orderingKeyOf(event) };
  } catch (error) {
    if (error instanceof Skipped) return error.message;
    if (error instanceof FormatError && !(error instanceof NotEvaluated)) return error.message;
    throw error;
  }
};

export const shorten = (text: string, most: number): string => {
  const whole = text.toWellFormed();
  return whole.length <= most ? whole : `${whole.slice(0, most - 1).toWellFormed()}…`;
};
