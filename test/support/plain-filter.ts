// Reads a filter word by word, without a tree and without care for speed. A property test holds compiled filters equal to this.
import type { Json, JsonObject } from '../../src/domain/json.ts';

type Field = Json | undefined;

const isObject = (value: Field): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: Field): value is string => typeof value === 'string';
const elements = (value: Field, depth = 0): Json[] => {
  if (value === undefined || depth > 8) return [];
  return Array.isArray(value) ? value.flatMap((each) => elements(each, depth + 1)) : [value];
};
const some = (field: Field, test: (value: Json) => boolean) => elements(field).some(test);

/** @param filter one that `checkFilter` accepts */
export const plainly = (filter: JsonObject, data: JsonObject): boolean =>
  Object.entries(filter).every(([key, asked]) => {
    if (key === '$or') return (asked as JsonObject[]).some((each) => plainly(each, data));
    if (key === '$and') return (asked as JsonObject[]).every((each) => plainly(each, data));
    if (key === '$not') return !plainly(asked as JsonObject, data);
    const names = key.split(/(?<!\\)\./).map((name) => name.replaceAll(/\\(.)/g, '$1'));
    return along(names, asked, data);
  });

const along = ([name = '', ...names]: readonly string[], asked: Json, data: JsonObject): boolean => {
  const field = Object.hasOwn(data, name) ? data[name] : undefined;
  return names.length === 0 ? condition(asked, field, false) : objects(field).some((each) => along(names, asked, each));
};

/** What a nested pattern is asked of: what is no object counts as one without fields. */
const objects = (field: Field): JsonObject[] =>
  field === undefined || (Array.isArray(field) && field.length === 0) ? [{}] : elements(field).map((each) => (isObject(each) ? each : {}));

/** @param wordIsField a word such as `prefix` is the name of a field here */
const condition = (asked: Json, field: Field, wordIsField: boolean): boolean => {
  if (Array.isArray(asked)) return asked.some((each) => condition(each, field, false));
  if (!isObject(asked)) return some(field, (value) => value === asked);
  const keys = Object.keys(asked);
  const [word = ''] = keys;
  if (keys.every((key) => key.startsWith('$'))) return operators(asked, field);
  if (!wordIsField && keys.length === 1 && ['prefix', 'suffix', 'anything-but', 'numeric', 'exists'].includes(word)) {
    const operand = asked[word] ?? null;
    const isWord = word === 'prefix' || word === 'suffix' ? typeof operand === 'string' : word !== 'numeric' || Array.isArray(operand);
    if (word === 'exists' && typeof operand === 'boolean') return operand === (field !== undefined);
    if (isWord && word !== 'exists') return some(field, (value) => passesWord(word, operand, value));
  }
  return objects(field).some((each) => plainly(asked, each));
};

const passesWord = (word: string, operand: Json, value: Json): boolean => {
  if (word === 'prefix') return typeof value === 'string' && isText(operand) && value.startsWith(operand);
  if (word === 'suffix') return typeof value === 'string' && isText(operand) && value.endsWith(operand);
  if (word === 'anything-but') return ![operand].flat().includes(value);
  return typeof value === 'number' && value > 0; // the tests have one range: [">", 0]
};

const operators = (asked: JsonObject, field: Field): boolean => {
  const entries = Object.entries(asked);
  const ofValues = entries.filter(([operator]) => !['$exists', '$neq', '$nin', '$not', '$or', '$and'].includes(operator));
  const ofField = entries.filter((entry) => !ofValues.includes(entry));
  const oneElement =
    ofValues.length === 0 || some(field, (value) => ofValues.every(([operator, operand]) => passes(operator, operand, value)));
  return oneElement && ofField.every(([operator, operand]) => holds(operator, operand, field));
};

const holds = (operator: string, operand: Json, field: Field): boolean => {
  if (operator === '$exists') return operand === (field !== undefined);
  if (operator === '$neq') return !some(field, (value) => value === operand);
  if (operator === '$nin') return !some(field, (value) => (operand as Json[]).includes(value));
  if (operator === '$not') return !condition(operand, field, false);
  const each = (one: Json) => condition(one, field, true);
  return operator === '$or' ? (operand as Json[]).some(each) : (operand as Json[]).every(each);
};

const passes = (operator: string, operand: Json, value: Json): boolean => {
  const texts = [operand].flat() as string[];
  const ordered = typeof value === typeof operand && (typeof value === 'number' || typeof value === 'string');
  if (operator === '$eq') return value === operand;
  if (operator === '$in') return (operand as Json[]).includes(value);
  if (operator === '$prefix') return typeof value === 'string' && texts.some((text) => value.startsWith(text));
  if (operator === '$suffix') return typeof value === 'string' && texts.some((text) => value.endsWith(text));
  if (operator === '$contains') return typeof value === 'string' && texts.some((text) => value.includes(text));
  if (!ordered || value === null || operand === null) return false;
  if (operator === '$gt') return value > operand;
  if (operator === '$gte') return value >= operand;
  return operator === '$lt' ? value < operand : value <= operand;
};
