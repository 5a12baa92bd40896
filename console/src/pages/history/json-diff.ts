// What differs between two JSON values, by the path of each field. Pure.
import type { Json } from '../../api/graphql.ts';
import { isObject } from '../../components/json-marks.ts';

/** Undefined: it is not there. */
export type Difference = { readonly field: string; readonly from: Json | undefined; readonly to: Json | undefined };

/** Objects field by field; everything else, lists included, as a whole. */
export const differencesOf = (from: Json | undefined, to: Json | undefined, field = ''): Difference[] => {
  if (isObject(from) && isObject(to))
    return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((name) =>
      differencesOf(from[name], to[name], field === '' ? name : `${field}.${name}`),
    );
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ field, from, to }];
};

/** As it is shown: text without quotes, the rest as JSON. */
export const shownValue = (value: Json | undefined): string =>
  value === undefined || value === null ? 'None' : typeof value === 'string' ? value : linesOf(value);

/** Most values read best in one line. */
const shortest = 60;
const linesOf = (value: Json): string => {
  const line = JSON.stringify(value);
  return line.length <= shortest ? line : JSON.stringify(value, null, 2);
};
