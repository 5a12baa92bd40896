// A message of any shape for a person to read: a title from its type, a sentence if its data has one, and the rest of the data as a
// list of names and values. The chat formats are made from this, each within its own limits. Pure.
import { isExactNumber } from '../../domain/exact-number.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { levelOf, type Level } from './level.ts';
import type { FormattedMessage } from './payload.ts';
import { shorten } from './shorten.ts';

export type Field = { readonly name: string; readonly value: string };
export type Readable = {
  readonly title: string;
  /** The sentence in the message's data. */
  readonly lead: string | undefined;
  readonly level: Level | undefined;
  /** Neither name nor value is ever empty. */
  readonly fields: readonly Field[];
  /** Fields that were left out. */
  readonly more: number;
  /** The message's type, unchanged. */
  readonly type: string;
  readonly when: string;
  /** The same as ISO 8601 in UTC; undefined if it can't be read. */
  readonly timestamp: string | undefined;
};

const nothing = '–';
const maxName = 200;
const maxValue = 4_000;
/** Objects within objects are flattened to this depth; deeper ones go in one line. */
const maxDepth = 3;
const maxItems = 50;

/** Removes control characters and halves of characters, but not line breaks. Cuts off what will not be shown anyway. */
const clean = (text: string): string => {
  const looked = text.length > maxValue * 2 ? `${text.slice(0, maxValue * 2)}…` : text;
  return looked
    .toWellFormed()
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\n]/gu, ' ')
    .trim();
};
const visible = (text: string): string => (/[^\s\p{Cf}\u115f\u1160\u2800\u3164]/u.test(text) ? text : nothing);

// ── Names ── `server_ip` → "Server IP", `healthChanged` → "Health changed"

const abbreviations = new Set(
  'api cpu dns html http https id ip json os ram sla sms sql ssh ssl tls ui uri url utc uuid vm xml'.split(' '),
);
const inWords = (name: string): string => {
  const words = clean(name)
    .replace(/(\p{Ll}|\d)(?=\p{Lu}\p{Ll})/gu, '$1 ')
    .split(/[\s._-]+/)
    .filter((word) => word !== '')
    .map((word) =>
      abbreviations.has(word.toLowerCase()) ? word.toUpperCase() : /^\p{Lu}\p{Ll}+$/u.test(word) ? word.toLowerCase() : word,
    );
  return words.join(' ').replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
};
const nameOf = (path: readonly string[]): string => shorten(path.map((key) => visible(inWords(key))).join(' › '), maxName);

// ── Values ──

const isListOrObject = (value: Json): value is Json[] | JsonObject => Array.isArray(value) || isJsonObject(value);
const isEmpty = (value: Json): boolean => isListOrObject(value) && Object.keys(value).length === 0;

const inline = (value: Json, depth = 0): string => {
  if (typeof value === 'string') return visible(clean(value));
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value === null || isEmpty(value)) return nothing;
  if (typeof value === 'number') return String(value);
  if (isExactNumber(value)) return value.rawJSON;
  if (depth >= maxDepth) return clean(JSON.stringify(value));
  const parts = isJsonArray(value)
    ? value.slice(0, maxItems).map((item) => inline(item, depth + 1))
    : Object.keys(value)
        .slice(0, maxItems)
        .map((key) => `${visible(clean(key))}: ${inline(value[key] ?? null, depth + 1)}`);
  const all = `${parts.join(', ')}${Object.keys(value).length > maxItems ? ', …' : ''}`;
  return depth === 0 ? all : Array.isArray(value) ? `[${all}]` : `{${all}}`;
};

const valueOf = (value: Json): string => {
  const listed = Array.isArray(value) && value.some(isListOrObject);
  if (!listed) return shorten(inline(value), maxValue);
  const lines = value.slice(0, maxItems).map((item) => `• ${inline(item)}`);
  return shorten([...lines, ...(value.length > maxItems ? [`… and ${value.length - maxItems} more`] : [])].join('\n'), maxValue);
};

type Leaf = { readonly path: readonly string[]; readonly value: Json };

function* leavesOf(data: JsonObject, above: readonly string[] = []): Generator<Leaf> {
  for (const key of Object.keys(data)) {
    const value = data[key] ?? null;
    const path = [...above, key];
    if (isJsonObject(value) && !isEmpty(value) && path.length < maxDepth) yield* leavesOf(value, path);
    else yield { path, value };
  }
}

// ── The whole ──

const leads = ['message', 'summary', 'description', 'text', 'title'];
const leadOf = (data: JsonObject): { readonly key: string; readonly text: string } | undefined => {
  for (const key of leads) {
    const value = Object.hasOwn(data, key) ? data[key] : undefined;
    const text = typeof value === 'string' ? clean(value) : '';
    if (visible(text) !== nothing && text !== nothing) return { key, text: shorten(text, maxValue) };
  }
  return undefined;
};

/** Undefined if it is no date of the years 0 to 9999: strict readers of ISO 8601 would refuse it. */
export const utc = (timestamp: string): string | undefined => {
  const date = new Date(timestamp);
  const text = Number.isNaN(date.getTime()) ? '' : date.toISOString();
  return /^\d{4}-/.test(text) ? text : undefined;
};

/** @param maxFields further fields are only counted */
export const readable = (message: FormattedMessage, maxFields: number): Readable => {
  const { type, data, timestamp } = message;
  const lead = leadOf(data);
  const fields: Field[] = [];
  let more = 0;
  for (const { path, value } of leavesOf(data)) {
    if (path.length === 1 && path[0] === lead?.key) continue;
    if (fields.length < maxFields) fields.push({ name: nameOf(path), value: valueOf(value) });
    else more++;
  }
  const iso = utc(timestamp);
  const when = iso?.replace('T', ' ').replace(/(\.000)?Z$/, ' UTC') ?? visible(clean(timestamp));
  const title = visible(shorten(inWords(type), maxName));
  return {
    title: title === nothing ? 'Message' : title,
    lead: lead?.text,
    level: levelOf(message),
    fields,
    more,
    type: shorten(visible(clean(type)), maxName),
    when,
    timestamp: iso,
  };
};
