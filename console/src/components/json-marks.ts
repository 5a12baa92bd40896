// Where in a payload the conditions of a filter do not hold: on a value that is there, or on a field that is missing. Pure.
import { isExactNumber } from '../../../src/domain/exact-number.ts';
import { parseFieldPath } from '../../../src/domain/filter/field-path.ts';
import type { Json } from '../api/graphql.ts';

export type FailedCondition = { readonly path: string; readonly asks: Json };
/** The names on the way from the root. Items of arrays are named by their index. */
export type Place = readonly string[];

export type Marks = {
  /** What is asked for of the value at a place, by `keyOf` the place. */
  readonly values: ReadonlyMap<string, string>;
  /** Fields that are asked for and not there, by `keyOf` the object that lacks them. */
  readonly missing: ReadonlyMap<string, readonly { readonly name: string; readonly asks: string }[]>;
};

export const noMarks: Marks = { values: new Map(), missing: new Map() };

export const keyOf = (place: Place): string => JSON.stringify(place);

export const isObject = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);

/** The field that a condition is about; operators such as `$or` are about the object that holds them. */
export const namesIn = (path: string): Place => {
  const names = parseFieldPath(path);
  if (!('length' in names)) return [path];
  const about: string[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? '';
    if (name === '$and') i++;
    else if (name === '$or' || name === '$not') break;
    else about.push(name);
  }
  return about;
};

export const marksOf = (data: Json, conditions: readonly FailedCondition[]): Marks => {
  const values = new Map<string, string>();
  const missing = new Map<string, { name: string; asks: string }[]>();
  for (const { path, asks } of conditions) {
    const wanted = JSON.stringify(asks);
    const place: string[] = [];
    let at: Json = data;
    let lacks: string | undefined;
    const names = namesIn(path);
    for (const [i, name] of names.entries()) {
      if (!isObject(at)) break;
      const next: Json | undefined = Object.hasOwn(at, name) ? at[name] : undefined;
      if (next === undefined) {
        lacks = names.slice(i).join('.');
        break;
      }
      place.push(name);
      at = next;
    }
    const key = keyOf(place);
    if (lacks === undefined) values.set(key, wanted);
    else missing.set(key, [...(missing.get(key) ?? []), { name: lacks, asks: wanted }]);
  }
  return { values, missing };
};
