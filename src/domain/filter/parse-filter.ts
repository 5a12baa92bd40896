// Reads a filter: the grammar of patterns and conditions, and what is wrong with one. docs/filters.md describes the language.
import type { Issue } from '../errors.ts';
import { isJsonObject as isObject, type Json, type JsonObject } from '../json.ts';
import { isOperator, parseFieldPath } from './field-path.ts';
import type { Condition, Pattern, ValueTest } from './filter-tree.ts';
import { isBareOperator, OperatorParser } from './parse-operators.ts';

/** Names and operators on the way to a condition, indices included. */
const deepest = 16;

type Path = readonly (string | number)[];

type ParsedFilter = {
  readonly pattern: Pattern;
  /** If there are any, the pattern means nothing. */
  readonly issues: readonly Issue[];
  /** Values and operators in all. */
  readonly conditions: number;
};

export const parseFilter = (filter: JsonObject): ParsedFilter => {
  const parser = new FilterParser();
  const pattern = parser.pattern(filter, []);
  return { pattern, issues: parser.issues, conditions: parser.operators.conditions };
};

/** Stands for the parts that can't be read. */
const nothing = { is: 'any', of: [] } as const;

const patternOperators = ['$and', '$or', '$not'];
const fieldOperators: ReadonlySet<string> = new Set(['$exists', '$neq', '$nin', ...patternOperators]);

const examples: Readonly<Record<string, string>> = {
  $or: '{"$or": [{"severity": "critical"}, {"status": "recovered"}]}',
  $and: '{"$and": [{"tags": "red"}, {"tags": "blue"}]}',
};

class FilterParser {
  readonly issues: Issue[] = [];
  readonly operators = new OperatorParser((path, message) => this.refuse(path, message));

  pattern(pattern: JsonObject, path: Path): Pattern {
    if (path.length > deepest) return this.refuse(path, `A filter may be ${deepest} levels deep; move its inner fields further out.`);
    const keys = Object.entries(pattern);
    if (keys.length === 0) return this.refuse(path, 'An empty pattern says nothing; name a field, or give null for no filter.');
    return {
      is: 'all',
      of: keys.map(([key, value]) =>
        isOperator(key) ? this.combination(key, value, [...path, key]) : this.field(key, value, [...path, key]),
      ),
    };
  }

  /** `$or`, `$and` and `$not` over patterns. */
  private combination(operator: string, value: Json, path: Path): Pattern {
    if (operator === '$not')
      return isObject(value)
        ? { is: 'not', of: this.pattern(value, path) }
        : this.refuse(path, '`$not` takes a pattern here, e.g. {"$not": {"severity": "info"}}.');
    if (operator !== '$or' && operator !== '$and') return this.refuse(path, misplaced(operator));
    if (!Array.isArray(value) || value.length === 0)
      return this.refuse(path, `\`${operator}\` takes a list of patterns, e.g. ${examples[operator]}.`);
    const patterns = value.map((each, index) =>
      isObject(each)
        ? this.pattern(each, [...path, index])
        : this.refuse([...path, index], `An entry of \`${operator}\` is a pattern: an object.`),
    );
    return { is: operator === '$or' ? 'any' : 'all', of: patterns };
  }

  /** A dotted path is the same as nested patterns of one field each. */
  private field(key: string, value: Json, path: Path): Pattern {
    const names = parseFieldPath(key);
    if (!('length' in names)) return this.refuse(path, names.wrong);
    if (path.length + names.length - 2 > deepest)
      return this.refuse(path, `A filter may be ${deepest} levels deep, and each dot is a level.`);
    const condition = this.condition(value, path);
    return names.reduceRight<Pattern | undefined>(
      (inner, name) => ({ is: 'field', name, condition: inner ? { is: 'object', pattern: inner } : condition }),
      undefined,
    ) as Pattern; // there is at least one name
  }

  private condition(value: Json, path: Path): Condition {
    if (Array.isArray(value)) return this.list(value, path);
    if (isObject(value) && !isBareOperator(value)) return this.object(value, path);
    return this.entry(value, path);
  }

  private object(value: JsonObject, path: Path): Condition {
    const keys = Object.keys(value);
    if (keys.length > 0 && keys.every(isOperator)) return this.operatorObject(value, path);
    return { is: 'object', pattern: this.pattern(value, path) };
  }

  /** Any of the entries. */
  private list(list: readonly Json[], path: Path): Condition {
    if (list.length === 0) return this.refuse(path, 'An empty list matches nothing; give at least one value, or leave the field out.');
    const entries = list.map((each, index) => this.entry(each, [...path, index]));
    const elements = entries.filter((entry) => entry.is === 'element');
    const others = entries.filter((entry) => entry.is !== 'element');
    if (elements.length === 0) return { is: 'any', of: others };
    const values = elements.flatMap((entry) => entry.values);
    const tests = elements.flatMap((entry) => entry.tests);
    return { is: 'any', of: [...others, { is: 'element', values, tests }] };
  }

  /** An entry of a list: a value or one operator. */
  private entry(value: Json, path: Path): Condition {
    if (isObject(value)) {
      const keys = Object.keys(value);
      if (keys.length > 0 && keys.every(isOperator)) return this.operatorObject(value, path);
      if (keys.length === 1 && keys[0] === 'exists') return this.exists(value['exists'], [...path, 'exists']);
    }
    return this.operators.entry(value, path);
  }

  private exists(value: Json | undefined, path: Path): Condition {
    this.operators.conditions += 1;
    if (typeof value === 'boolean') return { is: value ? 'present' : 'absent' };
    return this.refuse(path, `\`${path.at(-1)}\` takes true or false.`);
  }

  /** Operators that begin with `$`: all of them hold. Those that ask of a value hold for one and the same element of an array. */
  private operatorObject(value: JsonObject, path: Path): Condition {
    if (path.length > deepest) return this.refuse(path, `A filter may be ${deepest} levels deep; move its inner fields further out.`);
    const conditions: Condition[] = [];
    const tests: ValueTest[] = [];
    for (const [operator, operand] of Object.entries(value)) {
      const at = [...path, operator];
      if (fieldOperators.has(operator)) conditions.push(this.fieldOperator(operator, operand, at));
      else tests.push(this.operators.valueTest(operator, operand, at));
    }
    if (tests.length > 0) {
      if (value['$exists'] === false)
        return this.refuse([...path, '$exists'], 'A field that is absent has no value to compare; write {"$or": [{"$exists": false}, …]}.');
      this.operators.checkRange(tests, path);
      conditions.push({ is: 'element', values: [], tests: tests.length === 1 ? tests : [{ is: 'every', tests }] });
    }
    return conditions.length === 1 && conditions[0] ? conditions[0] : { is: 'all', of: conditions };
  }

  /** Operators that ask of a field as a whole, whether it is absent, a value or an array. */
  private fieldOperator(operator: string, operand: Json, path: Path): Condition {
    switch (operator) {
      case '$exists':
        return this.exists(operand, path);
      case '$neq':
        return { is: 'not', of: { is: 'element', values: [], tests: [this.operators.valueTest('$eq', operand, path)] } };
      case '$nin':
        return { is: 'not', of: { is: 'element', values: [], tests: [this.operators.valueTest('$in', operand, path)] } };
      case '$not':
        return { is: 'not', of: this.condition(operand, path) };
      default:
        if (!Array.isArray(operand) || operand.length === 0)
          return this.refuse(path, `\`${operator}\` takes a list of conditions, e.g. {"${operator}": [{"$lt": 1}, {"$gt": 10}]}.`);
        return { is: operator === '$or' ? 'any' : 'all', of: operand.map((each, index) => this.alternative(each, [...path, index])) };
    }
  }

  /** An entry of a field's `$or` or `$and`. A word such as `prefix` is a field here, as it always was. */
  private alternative(value: Json, path: Path): Condition {
    if (Array.isArray(value)) return this.list(value, path);
    return isObject(value) ? this.object(value, path) : this.entry(value, path);
  }

  private refuse(path: Path, message: string): typeof nothing {
    this.issues.push({ path: path.join('.'), message });
    return nothing;
  }
}

const misplaced = (operator: string): string => {
  const wrong = OperatorParser.unknown(operator);
  if (wrong && !fieldOperators.has(operator)) return `${wrong} A field whose name begins with $ is written \`\\${operator}\`.`;
  return `\`${operator}\` asks of one field: write {"load": {"${operator}": …}}. A field of that name is written \`\\${operator}\`.`;
};
