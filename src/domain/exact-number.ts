// Numbers that a double can't hold as written, such as 9007199254740993. They keep their text, and are compared by value, as decimals.
// In memory such a number is what `JSON.rawJSON` makes, so that `JSON.stringify` writes its text. Limit: it can't be sent to another thread as it is.

import type { Json } from './json.ts';

/** An interface, not a type: TypeScript would let a type pass as a JSON object. */
export interface ExactNumber {
  readonly rawJSON: string;
}

declare global {
  interface JSON {
    rawJSON(text: string): ExactNumber;
    isRawJSON(value: unknown): value is ExactNumber;
    parse(text: string, reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  }
}

/** The thread of the log client replaces the global one by `parseJson`. */
const { parse } = JSON;

export const isExactNumber = (value: unknown): value is ExactNumber => JSON.isRawJSON(value);

/** Any number of JSON. */
export const isNumber = (value: unknown): value is number | ExactNumber => typeof value === 'number' || isExactNumber(value);

/** Characters of one number. Comparing a longer one would take too long. */
export const longestNumber = 1_000;

/** The number as it is kept: a double, or its text if a double can't hold it. @param text a JSON number */
export const toNumber = (text: string): number | ExactNumber => (isDouble(text) ? Number(text) : JSON.rawJSON(text));

/** Whether `JSON.stringify` writes the same value after `JSON.parse` has read it. */
const isDouble = (text: string): boolean => {
  const double = Number(text);
  const written = String(double);
  if (written === text) return true;
  if (!Number.isFinite(double) || text.length > longestNumber) return false;
  return compareDecimals(decimalOf(text), decimalOf(written)) === 0;
};

// A double holds every number of up to 15 digits, unless its exponent has three digits. A number follows a colon, a comma, a bracket or a space,
// which leaves out most digits in strings.
const candidates = /(?:^|[\s:,[])(-?(?:\d[\d.]{15,}(?:[eE][+-]?\d+)?|\d[\d.]{0,14}[eE][+-]?\d{3,}))/g;

/** Whether the JSON text may hold numbers that a double can't. Wrong only about what looks like one in a string. */
const mayHoldExactNumbers = (text: string): boolean => {
  candidates.lastIndex = 0;
  for (let found = candidates.exec(text); found; found = candidates.exec(text)) if (!isDouble(found[1] ?? '')) return true;
  return false;
};

/** `JSON.parse`, except that numbers that a double can't hold keep their text. @throws SyntaxError */
export const parseJson = (text: string): Json => (mayHoldExactNumbers(text) ? parse(text, keepExactNumber) : parse(text)) as Json;

/** A reviver for `JSON.parse`. */
const keepExactNumber = (_: string, value: unknown, { source }: { readonly source?: string }): unknown =>
  typeof value === 'number' && source !== undefined ? toNumber(source) : value;

// ── Comparison ──

/** ±0.digits × 10^exponent. The digits neither begin nor end with 0; none: zero. */
type Decimal = { readonly isNegative: boolean; readonly digits: string; readonly exponent: bigint };

const decimalOf = (text: string): Decimal => {
  const [, sign, whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const all = whole + fraction;
  let start = 0;
  while (all.charAt(start) === '0') start++;
  let end = all.length;
  while (end > start && all.charAt(end - 1) === '0') end--;
  const digits = all.slice(start, end);
  if (digits === '') return { isNegative: false, digits, exponent: 0n };
  return { isNegative: sign === '-', digits, exponent: BigInt(exponent) + BigInt(whole.length - start) };
};

/** -1, 0 or 1, as `a` is below, equal to or above `b`. */
const compareDecimals = (a: Decimal, b: Decimal): number => {
  const [signA, signB] = [signOf(a), signOf(b)];
  if (signA !== signB) return signA > signB ? 1 : -1;
  if (signA === 0) return 0;
  if (a.exponent !== b.exponent) return a.exponent > b.exponent ? signA : -signA;
  if (a.digits === b.digits) return 0;
  return a.digits > b.digits ? signA : -signA;
};

const signOf = ({ isNegative, digits }: Decimal): number => (digits === '' ? 0 : isNegative ? -1 : 1);

const toDecimal = (value: number | ExactNumber): Decimal => decimalOf(typeof value === 'number' ? String(value) : value.rawJSON);

/** By value: -1, 0 or 1, as `a` is below, equal to or above `b`. */
export const compareNumbers = (a: number | ExactNumber, b: number | ExactNumber): number => {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0;
  return compareDecimals(toDecimal(a), toDecimal(b));
};

/** The same text for the same value. */
export const keyOfExactNumber = (value: ExactNumber): string => {
  const { isNegative, digits, exponent } = toDecimal(value);
  return `${isNegative ? '-' : ''}${digits}e${exponent}`;
};
