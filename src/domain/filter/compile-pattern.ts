// Compiles the tree of a filter into functions of data and of its fields.
import { compareNumbers, isExactNumber, isNumber, keyOfExactNumber, type ExactNumber } from '../exact-number.ts';
import { isJsonObject as isObject, type Json, type JsonObject } from '../json.ts';
import type { Comparison, Condition, Pattern, Scalar, TextOperator, ValueTest } from './filter-tree.ts';

/** Arrays in arrays are looked into this deep. */
export const deepestArrays = 8;

export type Test<V> = (value: V) => boolean;

export const compilePattern = (pattern: Pattern): Test<JsonObject> => {
  switch (pattern.is) {
    case 'field': {
      const { name } = pattern;
      const test = compileCondition(pattern.condition);
      return (data) => test(Object.hasOwn(data, name) ? data[name] : undefined);
    }
    case 'not': {
      const test = compilePattern(pattern.of);
      return (data) => !test(data);
    }
    case 'all':
      return allOf(pattern.of.map(compilePattern));
    case 'any':
      return anyOf(pattern.of.map(compilePattern));
  }
};

export const compileCondition = (condition: Condition): Test<Json | undefined> => {
  switch (condition.is) {
    case 'present':
      return (field) => field !== undefined;
    case 'absent':
      return (field) => field === undefined;
    case 'element': {
      const test = compileElement(condition.values, condition.tests);
      return (field) => field !== undefined && anyElement(field, test, 0);
    }
    case 'object': {
      const pattern = compilePattern(condition.pattern);
      const test: Test<Json> = (value) => pattern(isObject(value) ? value : {});
      return (field) => (field === undefined || (Array.isArray(field) && field.length === 0) ? pattern({}) : anyElement(field, test, 0));
    }
    case 'not': {
      const test = compileCondition(condition.of);
      return (field) => !test(field);
    }
    case 'all':
      return allOf(condition.of.map(compileCondition));
    case 'any':
      return anyOf(condition.of.map(compileCondition));
  }
};

const anyElement = (value: Json, test: Test<Json>, depth: number): boolean => {
  if (!Array.isArray(value)) return test(value);
  if (depth === deepestArrays) return false;
  for (const each of value) if (Array.isArray(each) ? anyElement(each, test, depth + 1) : test(each)) return true;
  return false;
};

// Loops instead of `some` and `every`: they run for each element of long arrays.
const anyOf = <V>(tests: readonly Test<V>[]): Test<V> => {
  const [only] = tests;
  if (only && tests.length === 1) return only;
  return (value) => {
    for (const test of tests) if (test(value)) return true;
    return false;
  };
};

const allOf = <V>(tests: readonly Test<V>[]): Test<V> => {
  const [only] = tests;
  if (only && tests.length === 1) return only;
  return (value) => {
    for (const test of tests) if (!test(value)) return false;
    return true;
  };
};

export const compileElement = (values: readonly Scalar[], tests: readonly ValueTest[]): Test<Json> =>
  anyOf([...(values.length > 0 ? [isOneOf(values)] : []), ...tests.map(compileValueTest)]);

const isOneOf = (values: readonly Scalar[]): Test<Json> => {
  const exact = new Set(values.filter(isExactNumber).map(keyOfExactNumber));
  if (exact.size > 0) {
    const others = new Set<Json>(values);
    return (value) => (isExactNumber(value) ? exact.has(keyOfExactNumber(value)) : others.has(value));
  }
  const [only] = values;
  if (values.length === 1) return (value) => value === only;
  const all = new Set<Json>(values);
  return (value) => all.has(value);
};

const compileValueTest = (test: ValueTest): Test<Json> => {
  switch (test.is) {
    case 'value':
      return isOneOf(test.values);
    case 'text': {
      const one = anyOf(test.texts.map((text) => textTests[test.operator](text)));
      return (value) => typeof value === 'string' && one(value);
    }
    case 'order':
      return isInOrder(test.sign, test.limit);
    case 'every':
      return allOf(test.tests.map(compileValueTest));
    case 'none': {
      const one = anyOf(test.tests.map(compileValueTest));
      return (value) => !one(value);
    }
  }
};

const textTests: Readonly<Record<TextOperator, (text: string) => Test<string>>> = {
  prefix: (text) => (value) => value.startsWith(text),
  suffix: (text) => (value) => value.endsWith(text),
  contains: (text) => (value) => value.includes(text),
  'equals-ignore-case': (text) => {
    const lower = text.toLowerCase();
    // Lower case is never shorter, so this spares long texts the conversion.
    return (value) => value.length <= lower.length && value.toLowerCase() === lower;
  },
};

const orders: Readonly<Record<Comparison, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '=': (order) => order === 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/** Numbers by value, texts by their UTF-16 code units; a number and a text have no order. */
const isInOrder = (sign: Comparison, limit: number | ExactNumber | string): Test<Json> => {
  const holds = orders[sign];
  if (isNumber(limit)) return (value) => isNumber(value) && holds(compareNumbers(value, limit));
  return (value) => typeof value === 'string' && holds(value < limit ? -1 : value > limit ? 1 : 0);
};
