// JSON values, and equality of them.
import * as z from 'zod';
import { compareNumbers, isExactNumber, type ExactNumber } from './exact-number.ts';

export type Json = string | number | boolean | null | ExactNumber | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** No number of `ExactNumber`, although that is an object to JavaScript. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);

/** As TypeScript has what becomes JSON: a field may be undefined, and is then left out. */
type BeforeJson = Exclude<Json, object> | undefined | ExactNumber | readonly BeforeJson[] | { readonly [key: string]: BeforeJson };

/** The same object, as `JSON.stringify` writes it. */
export const asJsonObject = (fields: { readonly [key: string]: BeforeJson }): JsonObject => fields as JsonObject;

/** Unlike `Array.isArray`, it also tells what is no array, as arrays are read-only here. */
export const isJsonArray = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** Taken as it is: text that came through `JSON.parse` needs no second walk. */
export const json = z.custom<Json>((value) => value !== undefined);
export const jsonObject = z.custom<JsonObject>(isJsonObject, { error: 'must be a JSON object' }).meta({ type: 'object' });

/** Equal as JSON: the order of keys does not count, the order of array items does. */
export const jsonEqual = (a: Json | undefined, b: Json | undefined): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (isExactNumber(a) || isExactNumber(b)) return isExactNumber(a) && isExactNumber(b) && compareNumbers(a, b) === 0;
  if (isJsonArray(a)) return isJsonArray(b) && a.length === b.length && a.every((item, i) => jsonEqual(item, b[i]));
  if (isJsonArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && jsonEqual(a[key], b[key]));
};

/** How many values an object holds, those in arrays and objects in it included. */
export const countValues = (data: JsonObject): number => {
  let count = 0;
  const open: Json[] = [data];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    for (const each of Array.isArray(value) ? value : Object.values(value)) {
      count += 1;
      if (typeof each === 'object' && each !== null) open.push(each);
    }
  }
  return count;
};
