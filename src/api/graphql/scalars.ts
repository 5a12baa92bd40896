// The GraphQL scalars: DateTime, JSON and Position.
import { GraphQLError, GraphQLScalarType, Kind, valueFromASTUntyped, type ValueNode } from 'graphql';
import * as z from 'zod';
import type { Json } from '../../domain/json.ts';
import { deepest } from '../../commands/strict-json.ts';

const dateTime = z.iso.datetime({ offset: true }).refine((text) => !Number.isNaN(Date.parse(text)));

const parseDateTime = (value: unknown): string => {
  const parsed = dateTime.safeParse(value);
  if (parsed.success) return parsed.data;
  const given = (JSON.stringify(value) ?? String(value)).slice(0, 100);
  throw new GraphQLError(`A DateTime is ISO 8601 with a time zone, such as "2026-01-15T10:30:00.000Z"; ${given} is not.`);
};

/** graphql-js says where a value is wrong only if the error names its node. */
const at = <T>(node: ValueNode, parse: () => T): T => {
  try {
    return parse();
  } catch (error) {
    throw error instanceof GraphQLError && !error.nodes ? new GraphQLError(error.message, { nodes: node }) : error;
  }
};

/** Input stays the text that came in, because a message's timestamp is sent on unchanged. Output is converted to UTC. */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  description: 'ISO 8601 in UTC with milliseconds',
  serialize: (value) => new Date(value as string).toISOString(),
  parseValue: parseDateTime,
  parseLiteral: (node) => at(node, () => parseDateTime(node.kind === Kind.STRING ? node.value : undefined)),
});

export const toDate = (text: string | null | undefined): Date | undefined =>
  text === null || text === undefined ? undefined : new Date(text);

const checkJson = (value: unknown, depth: number): void => {
  if (typeof value === 'string' && !value.isWellFormed())
    throw new GraphQLError('A string in the JSON contains half a surrogate pair; send both halves or neither.');
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new GraphQLError('A number in the JSON is too large for a double; send it as a string.');
  if (typeof value !== 'object' || value === null) return;
  if (depth === deepest) throw new GraphQLError(`The JSON is nested more than ${deepest} levels deep; flatten it.`);
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw new GraphQLError('The key "__proto__" is not allowed; rename it.');
    checkJson(key, depth);
    checkJson((value as Record<string, unknown>)[key], depth + 1);
  }
};

const parseJson = (value: unknown): Json => {
  checkJson(value, 0);
  return value as Json;
};

/** Checks the literal before its value is made, because making it recurses and drops `__proto__`. */
const checkLiteral = (node: ValueNode, depth: number): void => {
  if (node.kind === Kind.ENUM) throw new GraphQLError(`${node.value} is not JSON; put strings in quotes.`);
  if (node.kind !== Kind.OBJECT && node.kind !== Kind.LIST) return;
  if (depth === deepest) throw new GraphQLError(`The JSON is nested more than ${deepest} levels deep; flatten it.`);
  if (node.kind === Kind.LIST) for (const item of node.values) checkLiteral(item, depth + 1);
  else
    for (const { name, value } of node.fields) {
      if (name.value === '__proto__') throw new GraphQLError('The key "__proto__" is not allowed; rename it.');
      checkLiteral(value, depth + 1);
    }
};

/** `valueFromASTUntyped` makes objects without a prototype. Everywhere else, objects are like those of `JSON.parse`. */
const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

export const JsonScalar = new GraphQLScalarType<Json, unknown>({
  name: 'JSON',
  description: 'Any JSON value',
  serialize: (value) => value,
  parseValue: parseJson,
  parseLiteral: (node, variables) =>
    at(node, () => {
      checkLiteral(node, 0);
      const value: unknown = valueFromASTUntyped(node, variables);
      checkJson(value, 0);
      return plain(value);
    }),
});

const parsePosition = (value: unknown): string => {
  if (typeof value === 'string') return value;
  throw new GraphQLError('A Position is a string.');
};

export const PositionScalar = new GraphQLScalarType<string, string>({
  name: 'Position',
  description: 'opaque, sorts as a string in log order',
  serialize: String,
  parseValue: (value) => parsePosition(value),
  parseLiteral: (node) => at(node, () => parsePosition(node.kind === Kind.STRING ? node.value : undefined)),
});
