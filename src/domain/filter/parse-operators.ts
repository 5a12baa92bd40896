// Reads the operators of a filter that ask of one value: those of EventBridge ({"prefix": "web"}) and those with a `$` ({"$prefix": "web"}).
import { compareNumbers, isExactNumber, isNumber, type ExactNumber } from '../exact-number.ts';
import { isJsonObject as isObject, type Json, type JsonObject } from '../json.ts';
import type { Comparison, Condition, Scalar, TextOperator, ValueTest } from './filter-tree.ts';

type Path = readonly (string | number)[];
type Refuse = (path: Path, message: string) => unknown;

const isScalar = (value: Json): value is Scalar => typeof value !== 'object' || value === null || isExactNumber(value);
const isText = (value: Json | undefined): value is string => typeof value === 'string';

const bareTexts: readonly TextOperator[] = ['prefix', 'suffix', 'equals-ignore-case'];
const isBareText = (operator: string): operator is TextOperator => bareTexts.some((each) => each === operator);
const bareOperators = [...bareTexts, 'anything-but', 'numeric', 'exists'];
const signs: readonly Comparison[] = ['<', '<=', '=', '>', '>='];
const isSign = (value: Json | undefined): value is Comparison => signs.some((sign) => sign === value);

const dollarTexts = new Map<string, TextOperator>([
  ['$prefix', 'prefix'],
  ['$suffix', 'suffix'],
  ['$contains', 'contains'],
]);
const dollarOrders = new Map<string, Comparison>([
  ['$gt', '>'],
  ['$gte', '>='],
  ['$lt', '<'],
  ['$lte', '<='],
]);
const dollarOperators = [
  '$eq',
  '$neq',
  '$in',
  '$nin',
  '$gt',
  '$gte',
  '$lt',
  '$lte',
  '$prefix',
  '$suffix',
  '$contains',
  '$exists',
  '$and',
  '$or',
  '$not',
];

/** What others call it. */
const synonyms: Readonly<Record<string, string>> = {
  $exist: '$exists',
  $startsWith: '$prefix',
  $startswith: '$prefix',
  $endsWith: '$suffix',
  $endswith: '$suffix',
  $ne: '$neq',
  $nor: '$not',
  $any: '$or',
  $all: '$and',
};

/** An object of one key that is an operator even outside a list: {"name": {"prefix": "web"}}. Every other object without `$` is a nested pattern. */
export const isBareOperator = (value: JsonObject): boolean => {
  const [key, ...others] = Object.keys(value);
  if (key === undefined || others.length > 0) return false;
  const operand = value[key];
  if (isBareText(key)) return isText(operand);
  if (key === 'exists') return typeof operand === 'boolean';
  if (key === 'numeric') return Array.isArray(operand) && isSign(operand[0]);
  return key === 'anything-but';
};

/** Stands for a test that can't be read. */
const nothing: ValueTest = { is: 'value', values: [] };

export class OperatorParser {
  /** Values and operators so far. */
  conditions = 0;

  constructor(private readonly refuseAt: Refuse) {}

  /** Why there is no such operator, and what to write; undefined if there is one. */
  static unknown(operator: string): string | undefined {
    if (dollarOperators.includes(operator)) return undefined;
    const synonym = Object.hasOwn(synonyms, operator) ? synonyms[operator] : undefined;
    const remedy = synonym ? `write \`${synonym}\`` : `there are ${dollarOperators.join(', ')}`;
    return `There is no operator "${operator}"; ${remedy}.`;
  }

  /** An entry of a list: a value, or an object with one operator of EventBridge. */
  entry(value: Json, path: Path): Condition {
    this.conditions += 1;
    if (isScalar(value)) return { is: 'element', values: [value], tests: [] };
    const [operator, ...others] = Array.isArray(value) ? [] : Object.keys(value);
    if (!isObject(value) || operator === undefined || others.length > 0)
      return element(
        this.refuse(path, `An entry is a plain value or an object with one of ${bareOperators.join(', ')}, or with $ operators.`),
      );
    return element(this.bareOperator(operator, value[operator] ?? null, [...path, operator]));
  }

  private bareOperator(operator: string, operand: Json, path: Path): ValueTest {
    if (isBareText(operator)) return this.bareText(operator, operand, path);
    if (operator === 'numeric') return this.numeric(operand, path);
    if (operator === 'anything-but') return this.anythingBut(operand, path);
    const dollar = dollarTexts.has(`$${operator}`) || dollarOrders.has(`$${operator}`) ? ` Or write \`$${operator}\`.` : '';
    return this.refuse(
      path,
      `There is no operator "${operator}"; there are ${bareOperators.join(', ')}.${dollar} A nested field stands outside the list.`,
    );
  }

  private bareText(operator: TextOperator, operand: Json, path: Path): ValueTest {
    if (!isText(operand) || operand === '') return this.refuse(path, `\`${operator}\` takes a text that is not empty.`);
    return { is: 'text', operator, texts: [operand] };
  }

  private numeric(operand: Json, path: Path): ValueTest {
    const wrong = () => this.refuse(path, '`numeric` takes pairs of a comparison (<, <=, =, >, >=) and a number, e.g. [">", 0, "<=", 5].');
    if (!Array.isArray(operand) || operand.length === 0 || operand.length % 2 !== 0 || operand.length > 8) return wrong();
    const tests: ValueTest[] = [];
    for (let i = 0; i < operand.length; i += 2) {
      const [sign, limit] = operand.slice(i, i + 2);
      if (!isSign(sign) || !isNumber(limit)) return wrong();
      tests.push({ is: 'order', sign, limit });
    }
    return { is: 'every', tests };
  }

  private anythingBut(operand: Json, path: Path): ValueTest {
    if (isObject(operand)) {
      const [operator, ...others] = Object.keys(operand);
      const texts = operator === undefined ? undefined : operand[operator];
      if (operator === undefined || others.length > 0 || !isBareText(operator))
        return this.refuse(
          path,
          '`anything-but` takes a value, a list of values, or one of {"prefix"}, {"suffix"}, {"equals-ignore-case"}.',
        );
      const list = Array.isArray(texts) ? texts : [texts ?? null];
      if (list.length === 0) return this.refuse([...path, operator], `\`${operator}\` takes a text that is not empty.`);
      this.conditions += list.length;
      return { is: 'none', tests: list.map((text) => this.bareText(operator, text, [...path, operator])) };
    }
    const list = Array.isArray(operand) ? operand : [operand];
    if (list.length === 0 || !list.every(isScalar))
      return this.refuse(path, '`anything-but` takes plain values: texts, numbers, true, false or null.');
    return { is: 'none', tests: [{ is: 'value', values: list }] };
  }

  /** An operator with a `$` that asks of one value. */
  valueTest(operator: string, operand: Json, path: Path): ValueTest {
    this.conditions += 1;
    const text = dollarTexts.get(operator);
    if (text) return this.texts(text, operand, path);
    const sign = dollarOrders.get(operator);
    if (sign) {
      if (isNumber(operand) || isText(operand)) return { is: 'order', sign, limit: operand };
      return this.refuse(path, `\`${operator}\` takes a number, or a text such as an ISO 8601 time.`);
    }
    if (operator === '$in') return this.oneOf(operand, path);
    if (operator !== '$eq') return this.refuse(path, OperatorParser.unknown(operator) ?? '');
    if (isScalar(operand)) return { is: 'value', values: [operand] };
    return this.refuse(
      path,
      `\`${path.at(-1)}\` takes a plain value: a text, a number, true, false or null. Name the fields of an object one by one.`,
    );
  }

  private texts(operator: TextOperator, operand: Json, path: Path): ValueTest {
    const texts = (Array.isArray(operand) ? operand : [operand]).filter((text) => isText(text) && text !== '').map(String);
    if (texts.length === 0 || (Array.isArray(operand) && texts.length < operand.length))
      return this.refuse(
        path,
        `\`${path.at(-1)}\` takes a text that is not empty, or a list of such. For a value in an array write the value itself.`,
      );
    this.conditions += texts.length - 1;
    return { is: 'text', operator, texts };
  }

  private oneOf(operand: Json, path: Path): ValueTest {
    if (!Array.isArray(operand) || operand.length === 0 || !operand.every(isScalar))
      return this.refuse(
        path,
        `\`${path.at(-1)}\` takes a list of plain values, e.g. ["critical", "warning"]. For a part of a text write \`$contains\`.`,
      );
    this.conditions += operand.length - 1;
    return { is: 'value', values: operand };
  }

  /** Refuses limits that no value is between, and a number and a text at once. */
  checkRange(tests: readonly ValueTest[], path: Path): void {
    const bounds = tests.filter((test) => test.is === 'order');
    const isOfTexts = tests.some((test) => test.is === 'text' || (test.is === 'order' && isText(test.limit)));
    if (isOfTexts && bounds.some(({ limit }) => isNumber(limit))) {
      this.refuse(path, 'No value is a number and a text at once; write {"$or": [{…}, {…}]}.');
      return;
    }
    const over = bounds.filter(({ sign }) => sign.startsWith('>'));
    const under = bounds.filter(({ sign }) => sign.startsWith('<'));
    const isEmpty = over.some((least) =>
      under.some((most) => {
        const order = compareLimits(least.limit, most.limit);
        return order > 0 || (order === 0 && (least.sign === '>' || most.sign === '<'));
      }),
    );
    if (isEmpty) this.refuse(path, 'No value is between these limits; exchange them, or write {"$or": [{…}, {…}]} for what is outside.');
  }

  private refuse(path: Path, message: string): ValueTest {
    this.refuseAt(path, message);
    return nothing;
  }
}

const element = (test: ValueTest): Condition => ({ is: 'element', values: [], tests: [test] });

/** Of two numbers or two texts. */
const compareLimits = (a: number | ExactNumber | string, b: number | ExactNumber | string): number =>
  isNumber(a) && isNumber(b) ? compareNumbers(a, b) : a < b ? -1 : Number(a > b);
