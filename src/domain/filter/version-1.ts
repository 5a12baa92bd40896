// Filters as version 1 of the endpoint's events holds them: there a dot and a `$` were parts of a field's name; `$or` was the only operator with one.
import { isJsonObject as isObject, type Json, type JsonObject } from '../json.ts';
import { escapeFieldName } from './field-path.ts';
import { isBareOperator } from './parse-operators.ts';

/** The filter that means today what this one meant then. */
export const fromVersion1 = (filter: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(filter).map(([key, value]) => (key === '$or' ? [key, alternatives(value)] : [escapeFieldName(key), nested(value)])),
  );

const alternatives = (value: Json): Json =>
  Array.isArray(value) ? value.map((each) => (isObject(each) ? fromVersion1(each) : each)) : value;

const nested = (value: Json): Json => (isObject(value) && !isBareOperator(value) ? fromVersion1(value) : value);
