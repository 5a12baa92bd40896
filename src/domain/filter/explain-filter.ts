// Explains why a filter does not let a message pass.
import { isJsonObject as isObject, type Json, type JsonObject } from '../json.ts';
import { compileFilter } from './compile-filter.ts';
import { isOperator, parseFieldPath } from './field-path.ts';
import { isBareOperator } from './parse-operators.ts';

/** A condition that data does not meet: where, what it asks for, and what is there (undefined: nothing). */
export type FailedCondition = { readonly path: string; readonly asks: Json; readonly found: Json | undefined };

/** The conditions of a filter that the data does not meet; none: it passes. Conditions on arrays, of `$or` and of `$not` are given as a whole. */
export const failedConditions = (filter: JsonObject, data: JsonObject, path: readonly string[] = []): FailedCondition[] =>
  Object.entries(filter).flatMap(([key, asks]): FailedCondition[] => {
    if (compileFilter({ [key]: asks }).matches(data)) return [];
    const at = [...path, key];
    if (key === '$and' && Array.isArray(asks))
      return asks.flatMap((each, index) => (isObject(each) ? failedConditions(each, data, [...at, String(index)]) : []));
    const found = isOperator(key) ? undefined : fieldOf(data, key);
    if (isNestedPattern(asks) && isObject(found)) return failedConditions(asks, found, at);
    return [{ path: at.join('.'), asks, found }];
  });

const isNestedPattern = (asks: Json): asks is JsonObject => isObject(asks) && !isBareOperator(asks) && !Object.keys(asks).every(isOperator);

/** The value at a path, or the array on the way to it. */
const fieldOf = (data: JsonObject, key: string): Json | undefined => {
  const names = parseFieldPath(key);
  let found: Json | undefined = data;
  for (const name of 'length' in names ? names : []) {
    if (Array.isArray(found)) return found;
    found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return found;
};
