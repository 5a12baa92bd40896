// Filters as they were evaluated while the endpoint's events had version 1: what the filters of older logs must go on meaning.
import type { Issue } from '../../src/domain/errors.ts';
import type { Json, JsonObject } from '../../src/domain/json.ts';

/** Names on the way to a condition, `$or` and its indices included. */
const deepest = 16;
const mostConditions = 256;
const longest = 16_384;
/** Arrays in arrays are looked into this deep. */
const deepestArrays = 8;

type Path = readonly (string | number)[];
type Test = (value: Json) => boolean;
/** What one entry of a list asks: that the field is absent, that it is present, or something of its value. */
type Condition = { is: 'absent' } | { is: 'present' } | { is: 'value'; value: Scalar } | { is: 'test'; test: Test };
type Scalar = string | number | boolean | null;
type Pattern = (data: Json) => boolean;

const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
const isScalar = (value: Json): value is Scalar => typeof value !== 'object' || value === null;
const isText = (value: Json | undefined): value is string => typeof value === 'string';

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '=': (a, b) => a === b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

const textOperators: Readonly<Record<string, (operand: string) => (value: string) => boolean>> = {
  prefix: (operand) => (value) => value.startsWith(operand),
  suffix: (operand) => (value) => value.endsWith(operand),
  'equals-ignore-case': (operand) => {
    const lower = operand.toLowerCase();
    return (value) => value.toLowerCase() === lower;
  },
};
const operators = [...Object.keys(textOperators), 'anything-but', 'numeric', 'exists'];

/** The operator that an object outside a list is, or undefined where it is a nested pattern. */
const bareOperator = (value: JsonObject): boolean => {
  const [key, ...others] = Object.keys(value);
  if (key === undefined || others.length > 0) return false;
  const operand = value[key];
  if (Object.hasOwn(textOperators, key)) return isText(operand);
  if (key === 'exists') return typeof operand === 'boolean';
  if (key === 'numeric') return Array.isArray(operand) && isText(operand[0]) && Object.hasOwn(comparisons, operand[0]);
  return key === 'anything-but';
};

/** Reads a pattern once, and tells all that is wrong with it. */
class Compiler {
  readonly issues: Issue[] = [];
  conditions = 0;

  pattern(pattern: JsonObject, path: Path): Pattern {
    if (path.length > deepest) return this.refuse(path, `A filter may be ${deepest} levels deep; move its inner fields further out.`);
    const fields = Object.entries(pattern);
    if (fields.length === 0) return this.refuse(path, 'An empty pattern says nothing; name a field, or give null for no filter.');
    const tests = fields.map(([key, value]) =>
      key === '$or' ? this.anyOf(value, [...path, key]) : this.field(key, value, [...path, key]),
    );
    return (data) => tests.every((test) => test(data));
  }

  private anyOf(value: Json, path: Path): Pattern {
    if (!Array.isArray(value) || value.length === 0)
      return this.refuse(path, '`$or` takes a list of patterns, e.g. {"$or": [{"severity": ["critical"]}, {"status": ["recovered"]}]}.');
    const patterns = value.map((each, index) =>
      isObject(each) ? this.pattern(each, [...path, index]) : this.refuse([...path, index], 'An entry of `$or` is a pattern: an object.'),
    );
    return (data) => patterns.some((pattern) => pattern(data));
  }

  private field(key: string, value: Json, path: Path): Pattern {
    if (isObject(value) && !bareOperator(value)) return this.nested(key, this.pattern(value, path));
    const list = Array.isArray(value) ? value : [value];
    if (list.length === 0) return this.refuse(path, 'An empty list matches nothing; give at least one value, or leave the field out.');
    const conditions = list.map((each, index) => this.condition(each, Array.isArray(value) ? [...path, index] : path));
    const absent = conditions.some((condition) => condition.is === 'absent');
    const present = conditions.some((condition) => condition.is === 'present');
    const values = new Set(conditions.flatMap((condition) => (condition.is === 'value' ? [condition.value] : [])));
    const tests = conditions.flatMap((condition) => (condition.is === 'test' ? [condition.test] : []));
    const one: Test = (each) => (isScalar(each) && values.has(each)) || tests.some((test) => test(each));
    return (data) => {
      if (!isObject(data) || !Object.hasOwn(data, key)) return absent;
      return present || anyElement(data[key] ?? null, one);
    };
  }

  /** A field that is absent, or no object, counts as an object without fields, so that `exists: false` reaches inside. */
  private nested(key: string, pattern: Pattern): Pattern {
    const one: Test = (each) => pattern(isObject(each) ? each : {});
    return (data) => {
      const value = isObject(data) && Object.hasOwn(data, key) ? data[key] : undefined;
      return value === undefined || (Array.isArray(value) && value.length === 0) ? one({}) : anyElement(value, one);
    };
  }

  private condition(value: Json, path: Path): Condition {
    this.conditions += 1;
    if (isScalar(value)) return { is: 'value', value };
    const [operator, ...others] = Array.isArray(value) ? [] : Object.keys(value);
    if (!isObject(value) || operator === undefined || others.length > 0)
      return { is: 'test', test: this.refuse(path, `An entry is a plain value or an object with one of ${operators.join(', ')}.`) };
    const operand = value[operator] ?? null;
    if (operator !== 'exists') return { is: 'test', test: this.operator(operator, operand, [...path, operator]) };
    if (typeof operand === 'boolean') return { is: operand ? 'present' : 'absent' };
    return { is: 'test', test: this.refuse([...path, operator], '`exists` takes true or false.') };
  }

  private operator(operator: string, operand: Json, path: Path): Test {
    const text = Object.hasOwn(textOperators, operator) ? textOperators[operator] : undefined;
    if (text) {
      if (!isText(operand) || operand === '') return this.refuse(path, `\`${operator}\` takes a text that is not empty.`);
      const test = text(operand);
      return (value) => isText(value) && test(value);
    }
    if (operator === 'numeric') return this.numeric(operand, path);
    if (operator === 'anything-but') return this.anythingBut(operand, path);
    return this.refuse(
      path,
      `There is no operator "${operator}"; there are ${operators.join(', ')}. A nested field stands outside the list.`,
    );
  }

  private numeric(operand: Json, path: Path): Test {
    const wrong = () => this.refuse(path, '`numeric` takes pairs of a comparison (<, <=, =, >, >=) and a number, e.g. [">", 0, "<=", 5].');
    if (!Array.isArray(operand) || operand.length === 0 || operand.length % 2 !== 0 || operand.length > 8) return wrong();
    const tests: ((value: number) => boolean)[] = [];
    for (let i = 0; i < operand.length; i += 2) {
      const [sign, limit] = operand.slice(i, i + 2);
      const compare = isText(sign) && Object.hasOwn(comparisons, sign) ? comparisons[sign] : undefined;
      if (!compare || typeof limit !== 'number' || !Number.isFinite(limit)) return wrong();
      tests.push((value) => compare(value, limit));
    }
    return (value) => typeof value === 'number' && tests.every((test) => test(value));
  }

  private anythingBut(operand: Json, path: Path): Test {
    if (isObject(operand)) {
      const [operator, ...others] = Object.keys(operand);
      const texts = operator === undefined ? undefined : operand[operator];
      if (operator === undefined || others.length > 0 || !Object.hasOwn(textOperators, operator))
        return this.refuse(
          path,
          '`anything-but` takes a value, a list of values, or one of {"prefix"}, {"suffix"}, {"equals-ignore-case"}.',
        );
      const list = Array.isArray(texts) ? texts : [texts ?? null];
      if (list.length === 0) return this.refuse([...path, operator], `\`${operator}\` takes a text that is not empty.`);
      const tests = list.map((text) => this.operator(operator, text, [...path, operator]));
      this.conditions += tests.length;
      return (value) => !tests.some((test) => test(value));
    }
    const list = Array.isArray(operand) ? operand : [operand];
    const values = new Set(list.filter((each) => isScalar(each)));
    if (list.length === 0 || !list.every((each) => isScalar(each)))
      return this.refuse(path, '`anything-but` takes plain values: texts, numbers, true, false or null.');
    return (value) => !(isScalar(value) && values.has(value));
  }

  private refuse(path: Path, message: string): () => boolean {
    this.issues.push({ path: path.join('.'), message });
    return () => false;
  }
}

const anyElement = (value: Json, test: Test, depth = 0): boolean => {
  if (!Array.isArray(value)) return test(value);
  return depth < deepestArrays && value.some((each) => anyElement(each, test, depth + 1));
};

const compile = (pattern: JsonObject) => {
  const compiler = new Compiler();
  const test = compiler.pattern(pattern, []);
  if (compiler.conditions > mostConditions)
    compiler.issues.push({
      path: '',
      message: `A filter may have at most ${mostConditions} conditions; this one has ${compiler.conditions}.`,
    });
  return { test, issues: compiler.issues };
};

/** What is wrong with a pattern: dotted paths inside it, and the remedy. */
export const checkFilter = (pattern: JsonObject): Issue[] => {
  const { issues } = compile(pattern);
  // Too deep a pattern is refused above before it is measured: stringify recurses.
  if (issues.length === 0 && JSON.stringify(pattern).length > longest)
    return [{ path: '', message: `A filter may have at most ${longest} characters as JSON; use fewer values, or prefixes.` }];
  return issues.slice(0, 20);
};

/** @throws Error at a pattern that `checkFilter` refuses. */
export const compileFilter = (pattern: JsonObject): ((data: JsonObject) => boolean) => {
  const { test, issues } = compile(pattern);
  if (issues[0]) throw new Error(`The filter can't be used: ${issues[0].path}: ${issues[0].message}`);
  return test;
};
