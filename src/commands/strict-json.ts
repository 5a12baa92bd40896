// Parses every JSON body. What it accepts means the same to every reader, and can be stored and sent on unchanged.
// It accepts what `JSON.parse` accepts, but refuses bytes that are not UTF-8, nesting deeper than 64, an object with the same key twice,
// a key `__proto__`, half of a surrogate pair, or a number of more than 1,000 characters. A number that a double can't hold keeps its text.
import { isUtf8 } from 'node:buffer';
import { isExactNumber, longestNumber, parseJson } from '../domain/exact-number.ts';
import type { Json } from '../domain/json.ts';

export const deepest = 64;

/** The mistake and its dotted path (`3.data.user`), empty for the whole body. */
export class UnreadableJson extends Error {
  override name = 'UnreadableJson';
  constructor(
    message: string,
    readonly path = '',
  ) {
    super(message);
  }
}

export const notUtf8 = () => new UnreadableJson('The body is not UTF-8; encode it as UTF-8.');
export const tooDeep = (at: number) =>
  new UnreadableJson(
    `The JSON is nested more than ${deepest} levels deep (at byte ${at}); flatten it, or send the inner part as a string.`,
  );
export const keyTwice = (key: string) => `The key ${JSON.stringify(key.slice(0, 100))} is in one object twice; send it once.`;

const quote = 0x22;
const backslash = 0x5c;

/**
 * The common case takes one pass over the bytes and one over the parsed value. Each colon outside a string is a key that was written, so a value with
 * fewer keys had one twice. Only a refused body is read a third time, to locate the mistake.
 * @throws UnreadableJson
 */
export const parseStrictJson = (bytes: Buffer): Json => {
  if (!isUtf8(bytes)) throw notUtf8();
  const scanned = scan(bytes);
  if (scanned.depth > deepest) throw tooDeep(scanned.deepestAt);
  const text = bytes.toString();
  const value = parse(text, scanned.hasLongNumbers);
  const check = new Check(scanned.escapes && /\\u[dD][89a-fA-F]/.test(text), scanned.hasLongNumbers);
  check.walk(value);
  if (check.wrong || check.keys !== scanned.keys) throw locate(text);
  return value;
};

type Scanned = {
  readonly keys: number;
  readonly escapes: boolean;
  /** There are numbers of 16 characters or more, or with an exponent: all that a double may not hold. */
  readonly hasLongNumbers: boolean;
  readonly depth: number;
  readonly deepestAt: number;
};

/** Valid only if the text is JSON, except for `depth`: the scan stops where brackets are nested too deep. */
const scan = (bytes: Buffer): Scanned => {
  let keys = 0;
  let escapes = false;
  let hasLongNumbers = false;
  let depth = 0;
  const { length } = bytes;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i];
    if (byte === quote) {
      for (i++; i < length; i++) {
        const inside = bytes[i];
        if (inside === quote) break;
        if (inside === backslash) {
          escapes = true;
          i++;
        }
      }
    } else if (byte === 0x3a) keys++;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > deepest) return { keys, escapes, hasLongNumbers, depth, deepestAt: i };
    } else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte !== undefined && isDigit(byte)) {
      const start = i;
      for (let next = bytes[i + 1]; next !== undefined && isInNumber(next); next = bytes[i + 1]) {
        if (next === 0x65 || next === 0x45) hasLongNumbers = true;
        i++;
      }
      if (i - start >= 15) hasLongNumbers = true;
    }
  }
  return { keys, escapes, hasLongNumbers, depth: 0, deepestAt: 0 };
};

const isDigit = (byte: number) => byte >= 0x30 && byte <= 0x39;
const isInNumber = (byte: number) => isDigit(byte) || byte === 0x2e || byte === 0x65 || byte === 0x45 || byte === 0x2b || byte === 0x2d;

const parse = (text: string, hasLongNumbers: boolean): Json => {
  try {
    return hasLongNumbers ? parseJson(text) : JSON.parse(text);
  } catch (error) {
    if (text.trim() === '') throw new UnreadableJson('The body is empty; JSON is expected.');
    throw new UnreadableJson(`The body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
};

class Check {
  keys = 0;
  wrong = false;
  constructor(
    private readonly surrogates: boolean,
    private readonly longNumbers: boolean,
  ) {}

  walk(value: unknown): void {
    if (typeof value === 'object') {
      if (value === null) return;
      if (this.longNumbers && isExactNumber(value)) this.wrong ||= value.rawJSON.length > longestNumber;
      else if (Array.isArray(value)) for (const item of value) this.walk(item);
      else
        // Every key of what `JSON.parse` made is its own.
        for (const key in value) {
          this.keys++;
          if (key === '__proto__' || (this.surrogates && !key.isWellFormed())) this.wrong = true;
          this.walk((value as Record<string, unknown>)[key]);
        }
    } else if (this.surrogates && typeof value === 'string' && !value.isWellFormed()) this.wrong = true;
  }
}

type Open = { readonly keys: Set<string> | undefined; at: string | number };
const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;

/** Finds the first mistake in a text that is JSON. */
const locate = (text: string): UnreadableJson => {
  const open: Open[] = [];
  const path = () => open.map(({ at }) => at).join('.');
  let previous = '';
  for (const [found] of text.matchAll(token)) {
    const inside = open.at(-1);
    if (found === '{') open.push({ keys: new Set(), at: '' });
    else if (found === '[') open.push({ keys: undefined, at: 0 });
    else if (found === '}' || found === ']') open.pop();
    else if (found === ',') {
      if (inside && !inside.keys) inside.at = Number(inside.at) + 1;
    } else if (found.startsWith('"')) {
      const string = String(JSON.parse(found));
      if (inside?.keys && previous !== ':') {
        const fault = faultOfKey(string, inside.keys);
        inside.keys.add(string);
        inside.at = string.toWellFormed();
        if (fault !== undefined) return new UnreadableJson(fault, path());
      } else if (!string.isWellFormed())
        return new UnreadableJson('The text holds half of a surrogate pair, which is no character; send both halves or none.', path());
    } else if (found.length > longestNumber && /^[-\d]/.test(found))
      return new UnreadableJson(
        `The number ${found.slice(0, 40)}… has ${found.length} characters, and a number may have ${longestNumber}; send it as a string.`,
        path(),
      );
    previous = found;
  }
  return new UnreadableJson('The JSON has a key twice, or one that cannot be stored.'); // not reached: one of the above is found
};

const faultOfKey = (key: string, before: Set<string>): string | undefined => {
  if (!key.isWellFormed()) return 'The key holds half of a surrogate pair, which is no character; rename it.';
  if (key === '__proto__') return 'The key "__proto__" is not taken; rename it.';
  if (before.has(key)) return keyTwice(key);
  return undefined;
};
