// Compiles a filter into a match that can be interrupted. A costly filter against a long array takes a second; nobody else may wait so long.
// A property test holds it equal to compile-pattern.ts, which is faster.
import { isJsonObject as isObject, type Json, type JsonObject } from '../json.ts';
import { compileCondition, compileElement, deepestArrays, type Test } from './compile-pattern.ts';
import { scansOf, type Condition, type Pattern } from './filter-tree.ts';

/** Work that its caller may put off wherever it yields. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Tests between two pauses: less than a millisecond. */
const testsAtOnce = 5_000;
/** A value that holds no more than so many others is tested without a pause, which is several times faster. */
const smallValue = 32;

/** Tests since the last pause. */
type Work = { tests: number };
type SteppedTest<V> = (value: V, work: Work) => Steps<boolean>;

export const compileSteps = (pattern: Pattern): ((data: JsonObject) => Steps<boolean>) => {
  const test = ofPattern(pattern);
  return (data) => test(data, { tests: 0 });
};

const ofPattern = (pattern: Pattern): SteppedTest<JsonObject> => {
  switch (pattern.is) {
    case 'field': {
      const { name } = pattern;
      const test = ofCondition(pattern.condition);
      return function* (data, work) {
        yield* count(1, work);
        return yield* test(Object.hasOwn(data, name) ? data[name] : undefined, work);
      };
    }
    case 'not':
      return not(ofPattern(pattern.of));
    case 'all':
      return allOf(pattern.of.map(ofPattern));
    case 'any':
      return anyOf(pattern.of.map(ofPattern));
  }
};

const ofCondition = (condition: Condition): SteppedTest<Json | undefined> => {
  switch (condition.is) {
    case 'present':
    case 'absent':
      return atOnce(compileCondition(condition));
    case 'element': {
      const test = compileElement(condition.values, condition.tests);
      return elements(test, atOnce(test), scansOf(condition));
    }
    case 'object': {
      const pattern = ofPattern(condition.pattern);
      const whole = elements(compileCondition(condition), (value, work) => pattern(isObject(value) ? value : {}, work), scansOf(condition));
      return (field, work) =>
        field === undefined || (Array.isArray(field) && field.length === 0) ? pattern({}, work) : whole(field, work);
    }
    case 'not':
      return not(ofCondition(condition.of));
    case 'all':
      return allOf(condition.of.map(ofCondition));
    case 'any':
      return anyOf(condition.of.map(ofCondition));
  }
};

/** Whether one element passes. @param test for small elements @param stepped the same for large ones @param scans tests in it */
const elements = (test: Test<Json>, stepped: SteppedTest<Json>, scans: number): SteppedTest<Json | undefined> => {
  function* anyElement(value: Json, work: Work, depth: number): Steps<boolean> {
    if (!Array.isArray(value)) return yield* stepped(value, work);
    if (depth === deepestArrays) return false;
    for (const each of value) {
      if (Array.isArray(each)) {
        if (yield* anyElement(each, work, depth + 1)) return true;
        continue;
      }
      const size = sizeOf(each, smallValue);
      work.tests += scans * size;
      if (work.tests >= testsAtOnce) yield* count(0, work);
      if (size > smallValue ? yield* stepped(each, work) : test(each)) return true;
    }
    return false;
  }
  return function* (field, work) {
    return field !== undefined && (yield* anyElement(field, work, 0));
  };
};

/** How many values there are in one, itself included; more than `most` where there are more than that. */
const sizeOf = (value: Json, most: number): number => {
  if (!Array.isArray(value) && !isObject(value)) return 1;
  let size = 1;
  if (Array.isArray(value)) for (let i = 0; i < value.length && size <= most; i += 1) size += sizeOf(value[i] ?? null, most - size);
  else
    for (const key in value) {
      size += sizeOf(value[key] ?? null, most - size);
      if (size > most) break;
    }
  return size;
};

function* count(tests: number, work: Work): Steps<void> {
  work.tests += tests;
  if (work.tests < testsAtOnce) return;
  work.tests = 0;
  yield;
}

const atOnce = <V>(test: Test<V>): SteppedTest<V> =>
  // oxlint-disable-next-line require-yield -- as the others are called
  function* (value) {
    return test(value);
  };

const not = <V>(test: SteppedTest<V>): SteppedTest<V> =>
  function* (value, work) {
    return !(yield* test(value, work));
  };

const anyOf = <V>(tests: readonly SteppedTest<V>[]): SteppedTest<V> =>
  function* (value, work) {
    for (const test of tests) if (yield* test(value, work)) return true;
    return false;
  };

const allOf = <V>(tests: readonly SteppedTest<V>[]): SteppedTest<V> =>
  function* (value, work) {
    for (const test of tests) if (!(yield* test(value, work))) return false;
    return true;
  };
