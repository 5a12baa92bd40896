// The GraphQL scalars: DateTime, JSON and Position.
import { GraphQLError, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import * as z from 'zod';
import { isExactNumber, longestNumber, toNumber } from '../../domain/exact-number.ts';
import type { Json } from '../../domain/json.ts';
import { isInYearsOfIso } from '../../domain/timestamp.ts';
import { deepest } from '../../commands/strict-json.ts';

const dateTime = z.iso.datetime({ offset: true }).refine((text) => !Number.isNaN(Date.parse(text)) && isInYearsOfIso(text));

const parseDateTime = (value: unknown): string => {
  const parsed = dateTime.safeParse(value);
  if (parsed.success) return parsed.data;
  const given = (JSON.stringify(value) ?? String(value)).slice(0, 100);
  throw new GraphQLError(
    `A DateTime is ISO 8601 with a time zone, such as "2026-01-15T10:30:00.000Z", in the years 0001 to 9999 in UTC; ${given} is not.`,
  );
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
  serialize: (value) => new Date(String(value)).toISOString(),
  parseValue: parseDateTime,
  parseLiteral: (node) => at(node, () => parseDateTime(node.kind === Kind.STRING ? node.value : undefined)),
});

export const toDate = (text: string | null | undefined): Date | undefined =>
  text === null || text === undefined ? undefined : new Date(text);

const checkJson = (value: unknown, depth: number): void => {
  if (typeof value === 'string' && !value.isWellFormed())
    throw new GraphQLError('A string in the JSON contains half a surrogate pair; send both halves or neither.');
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new GraphQLError('A number in the JSON is not finite; send it as a string.');
  if (typeof value !== 'object' || value === null) return;
  if (isExactNumber(value)) return checkNumber(value.rawJSON);
  if (depth === deepest) throw new GraphQLError(`The JSON is nested more than ${deepest} levels deep; flatten it.`);
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__') throw new GraphQLError('The key "__proto__" is not allowed; rename it.');
    checkJson(key, depth);
    checkJson(inner, depth + 1);
  }
};

const checkNumber = (text: string): void => {
  if (text.length > longestNumber)
    throw new GraphQLError(
      `The number ${text.slice(0, 40)}… has ${text.length} characters, and a number may have ${longestNumber}; send it as a string.`,
    );
};

const parseJson = (value: unknown): Json => {
  checkJson(value, 0);
  return value as Json;
};

/** Checks the literal before its value is made, because making it recurses. */
const checkLiteral = (node: ValueNode, depth: number): void => {
  if (node.kind === Kind.ENUM) throw new GraphQLError(`${node.value} is not JSON; put strings in quotes.`);
  if (node.kind === Kind.INT || node.kind === Kind.FLOAT) checkNumber(node.value);
  if (node.kind !== Kind.OBJECT && node.kind !== Kind.LIST) return;
  if (depth === deepest) throw new GraphQLError(`The JSON is nested more than ${deepest} levels deep; flatten it.`);
  if (node.kind === Kind.LIST) for (const item of node.values) checkLiteral(item, depth + 1);
  else
    for (const { name, value } of node.fields) {
      if (name.value === '__proto__') throw new GraphQLError('The key "__proto__" is not allowed; rename it.');
      checkLiteral(value, depth + 1);
    }
};

type Variables = Readonly<Record<string, unknown>> | null | undefined;

/** Undefined for a variable that was not given. Unlike `valueFromASTUntyped`, keeps numbers that a double can't hold. */
const valueOfLiteral = (node: ValueNode, variables: Variables): unknown => {
  switch (node.kind) {
    case Kind.NULL:
      return null;
    case Kind.INT:
    case Kind.FLOAT:
      return toNumber(node.value);
    case Kind.STRING:
    case Kind.BOOLEAN:
    case Kind.ENUM:
      return node.value;
    case Kind.LIST:
      return node.values.map((item) => valueOfLiteral(item, variables) ?? null);
    case Kind.OBJECT: {
      const fields = node.fields.map(({ name, value }) => [name.value, valueOfLiteral(value, variables)] as const);
      return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
    }
    case Kind.VARIABLE:
      return variables?.[node.name.value];
  }
};

export const JsonScalar = new GraphQLScalarType<Json, unknown>({
  name: 'JSON',
  description: 'Any JSON value',
  serialize: (value) => value,
  parseValue: parseJson,
  parseLiteral: (node, variables) =>
    at(node, () => {
      checkLiteral(node, 0);
      const value = valueOfLiteral(node, variables);
      checkJson(value, 0);
      return value as Json; // undefined only for a variable that was not given
    }),
});

// ── The scalars of GraphQL itself ── Variables hold exact numbers, which the library's scalars don't know. They take them as they take a literal.

const parseFloatValue = GraphQLFloat.parseValue;
GraphQLFloat.parseValue = (value) => parseFloatValue(isExactNumber(value) ? Number(value.rawJSON) : value);
const parseIntValue = GraphQLInt.parseValue;
GraphQLInt.parseValue = (value) => parseIntValue(isExactNumber(value) ? Number(value.rawJSON) : value);
const parseIdValue = GraphQLID.parseValue;
GraphQLID.parseValue = (value) => parseIdValue(isExactNumber(value) && /^-?\d+$/.test(value.rawJSON) ? value.rawJSON : value);

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
