// TEMPLATE: the result of the owner's JSONata expression over {type, timestamp, id, data}; for a source's event also the stream. Language: https://docs.jsonata.org
// A template is a function of the message alone, so that a sent body can be made again and recognised by its hash. Functions whose result
// varies ($now, $millis, $random, $shuffle) are refused.
// It is somebody else's program, so it runs in a child process (template-processes.ts), within these limits.
import jsonata from 'jsonata';
import { isExactNumber, longestNumber, parseJson, toNumber } from '../../domain/exact-number.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { FormatError } from './format-error.ts';
import { nodesOf, secretLiteralIn } from './secret-literals.ts';
import type { Format, FormattedMessage } from './payload.ts';

export const template: Omit<Format, 'payload'> = { contentType: 'application/json', lists: 'batches' };

/** The expression's input: a message, or an event of a source. `constants`: of the endpoint, in the clear; the expression has them as `$constants`. */
export type TemplateInput = Omit<FormattedMessage, 'data'> & {
  readonly data: Json;
  readonly stream?: string;
  readonly constants?: JsonObject;
};

export const limits = {
  /** Nested evaluations; a function that calls itself takes a few for each call. */
  depth: 500,
  /** Of a list that the expression makes. */
  items: 100_000,
  /** Of its result as JSON. */
  bytes: 1_048_576,
  levels: 100,
};

const varying = ['now', 'millis', 'random', 'shuffle'];
const isVarying = (name: string) =>
  `$${name} is not available, because a template must yield the same each time; use the message's own values.`;

// ── When it is set ──

const placeIn = (text: string, position: unknown): string => {
  if (typeof position !== 'number') return '';
  const before = text.slice(0, position).split('\n');
  return ` at line ${before.length}, column ${Math.max(1, before.at(-1)?.length ?? 1)}`;
};

/** JSONata throws objects that are no Errors, but have these fields. */
const fieldOf = (error: unknown, field: 'message' | 'position' | 'code'): unknown =>
  typeof error === 'object' && error !== null ? Reflect.get(error, field) : undefined;

const describeError = (error: unknown, text: string): { readonly message: string; readonly place: string } => {
  if (error instanceof RangeError && /call stack/.test(error.message)) return { message: 'It is nested too deep.', place: '' };
  const message = String(fieldOf(error, 'message')).replace(/(?<![.!?…])$/, '.');
  return { message, place: placeIn(text, fieldOf(error, 'position')) };
};

/** The variables in an expression. */
const variablesIn = (ast: unknown): Set<string> => {
  const names = new Set<string>();
  for (const { type, value } of nodesOf(ast)) if (type === 'variable' && typeof value === 'string') names.add(value);
  return names;
};

/** The first number in an expression that JSONata would change, because it computes with doubles. */
const changedNumberIn = (ast: unknown, text: string): string | undefined => {
  for (const { type, position } of nodesOf(ast)) {
    if (type !== 'number' || typeof position !== 'number') continue;
    const [written] = /\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.exec(text.slice(Math.max(0, position - longestNumber), position)) ?? [];
    if (written !== undefined && isExactNumber(toNumber(written))) return written;
  }
  return undefined;
};

/** Why an expression can't be a template, as a sentence; undefined if it can. */
export const checkTemplate = (text: string): string | undefined => {
  try {
    const ast = jsonata(text).ast();
    const names = variablesIn(ast);
    const name = varying.find((each) => names.has(each));
    if (name !== undefined) return isVarying(name);
    const secret = secretLiteralIn(ast);
    if (secret !== undefined)
      return `The template holds a value for "${secret}", which looks like a secret, and everyone who sees the template sees it. Put it into formatOptions.constants of the endpoint, where it is encrypted, and write $constants.${/^\w+$/.test(secret) ? secret : `\`${secret}\``} here.`;
    const number = changedNumberIn(ast, text);
    if (number === undefined) return undefined;
    return `A template computes with doubles, and none is ${number}, so it would be changed; write it as a text, "${number}", or with at most 15 digits.`;
  } catch (error) {
    const { message, place } = describeError(error, text);
    return `The template can't be read${place}: ${message} Correct it there; https://try.jsonata.org shows what an expression yields.`;
  }
};

// ── When it is evaluated ──

/** What a transform works on: a copy. JSONata's own rounds numbers to 15 digits. */
const clone = (value: unknown): unknown =>
  value === undefined ? undefined : parseJson(JSON.stringify(value, (_, inner: unknown) => (isFunction(inner) ? '' : inner)));

const isFunction = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && ('_jsonata_lambda' in value || '_jsonata_function' in value);

const maxCompiled = 100;
const compiled = new Map<string, jsonata.Expression>();

const compile = (text: string, milliseconds: number): jsonata.Expression => {
  const cached = compiled.get(text);
  if (cached) return cached;
  const { depth, items } = limits;
  const expression = jsonata(text, { timeout: milliseconds, stack: depth, sequence: items });
  for (const name of varying)
    expression.registerFunction(name, () => {
      throw new Error(isVarying(name));
    });
  expression.registerFunction('clone', clone);
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(text, expression);
  return expression;
};

/**
 * @param milliseconds JSONata stops after these, between two of its steps. One step (a regular expression, a long text) may take longer.
 * @returns the result as JSON. @throws FormatError with the expression's own message, or with the defect of its result
 */
export const evaluateTemplate = async (text: string, message: TemplateInput, milliseconds: number): Promise<string> => {
  const { type, timestamp, id, data, stream, constants = {} } = message;
  let result: unknown;
  try {
    const input = { type, timestamp, id, data, ...(stream !== undefined && { stream }) };
    result = await compile(text, milliseconds).evaluate(input, { constants });
  } catch (error) {
    const { message, place } = describeError(error, text);
    throw new FormatError(`The template failed${place}: ${message}${aboutExactNumber(error, data)}`);
  }
  return jsonOf(result);
};

/** JSONata refuses to compute with a number that a double can't hold: to JSONata it is an object. Its own sentence names no number. */
const aboutExactNumber = (error: unknown, data: Json): string => {
  const code = fieldOf(error, 'code');
  const found = typeof code === 'string' && /^[TD]\d/.test(code) ? exactNumberIn(data, 'data') : undefined;
  if (!found) return '';
  return ` Perhaps because ${found.path} is ${found.text}, which no double can hold: a template can pass such a number on, or make it a text with $string, but not compute with it.`;
};

const exactNumberIn = (value: Json, path: string): { readonly path: string; readonly text: string } | undefined => {
  if (isExactNumber(value)) return { path, text: value.rawJSON.slice(0, 100) };
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = exactNumberIn(inner, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
    if (found) return found;
  }
  return undefined;
};

const tooLong = `The template's result is longer than ${limits.bytes} bytes as JSON; let it yield less.`;

/** Checks the size before writing: a small result may contain the same part so often that its JSON would fill the memory. */
const jsonOf = (result: unknown): string => {
  if (result === undefined)
    throw new FormatError('The template yields nothing for this message; let it yield a value in every case, null if nothing else.');
  let room = limits.bytes;
  const look = (value: unknown, path: string, level: number): void => {
    room -= typeof value === 'string' ? value.length + 2 : isExactNumber(value) ? value.rawJSON.length : 1;
    if (room < 0) throw new FormatError(tooLong);
    if (value === null || typeof value === 'string' || typeof value === 'boolean' || isExactNumber(value)) return;
    if (typeof value === 'number' && Number.isFinite(value)) return;
    const where = path === '' ? "The template's result" : `The template's result holds at "${path}" what`;
    if (typeof value === 'number') throw new FormatError(`${where} is ${value}, which JSON has not; let it yield a finite number.`);
    if (typeof value !== 'object' || '_jsonata_lambda' in value || '_jsonata_function' in value)
      throw new FormatError(`${where} is a function, which JSON has not; call it.`);
    if (level === limits.levels)
      throw new FormatError(`The template's result is nested more than ${limits.levels} levels deep; flatten it.`);
    // A list that JSONata made has more than its items: `push` of its own, and marks.
    const parts = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [key, inner] of parts) {
      if (typeof key === 'string') room -= key.length + 3;
      if (inner !== undefined) look(inner, path === '' ? String(key) : `${path}.${key}`, level + 1);
    }
  };
  look(result, '', 0);
  const json = JSON.stringify(result);
  if (Buffer.byteLength(json) > limits.bytes) throw new FormatError(tooLong);
  return json;
};
