// The scalars: DateTime, JSON and Position.
import { GraphQLError, GraphQLScalarType, Kind, valueFromASTUntyped, type ValueNode } from 'graphql';
import * as z from 'zod';
import type { Json } from '../../domain/json.ts';
import { deepest } from '../../commands/strict-json.ts';

const isoMoment = z.iso.datetime({ offset: true });

const readMoment = (value: unknown): string => {
  if (isoMoment.safeParse(value).success && !Number.isNaN(Date.parse(value as string))) return value as string;
  throw new GraphQLError(`A DateTime is ISO 8601 with a time zone, such as "2026-01-15T10:30:00.000Z"; ${shown(value)} is none.`);
};

const shown = (value: unknown) => (JSON.stringify(value) ?? String(value)).slice(0, 100);

/** Inside it is text: what came in as it was written, as a message's timestamp is sent on unchanged; what goes out is put into UTC. */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  description: 'ISO 8601 in UTC with milliseconds',
  serialize: (value) => new Date(value as string).toISOString(),
  parseValue: readMoment,
  parseLiteral: (node) => readMoment(node.kind === Kind.STRING ? node.value : undefined),
});

/** A DateTime that was given, if one was. */
export const moment = (text: string | null | undefined): Date | undefined =>
  text === null || text === undefined ? undefined : new Date(text);

const checkJson = (value: unknown, depth: number): void => {
  if (typeof value === 'string' && !value.isWellFormed())
    throw new GraphQLError('A text of the JSON holds half of a surrogate pair, which is no character; send both halves or none.');
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new GraphQLError('A number of the JSON is too large for a double; send it as a string.');
  if (typeof value !== 'object' || value === null) return;
  if (depth === deepest) throw new GraphQLError(`The JSON is nested more than ${deepest} levels deep; flatten it.`);
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw new GraphQLError('The key "__proto__" is not taken; rename it.');
    checkJson(key, depth);
    checkJson((value as Record<string, unknown>)[key], depth + 1);
  }
};

const readJson = (value: unknown): Json => {
  checkJson(value, 0);
  return value as Json;
};

/** Refused before the value is made: making it recurses, and drops `__proto__`. */
const checkLiteral = (node: ValueNode, depth: number): void => {
  if (node.kind === Kind.ENUM) throw new GraphQLError(`JSON has no ${node.value}; put texts into quotes.`);
  if (node.kind !== Kind.OBJECT && node.kind !== Kind.LIST) return;
  if (depth === deepest) throw new GraphQLError(`The JSON is nested more than ${deepest} levels deep; flatten it.`);
  if (node.kind === Kind.LIST) for (const item of node.values) checkLiteral(item, depth + 1);
  else
    for (const { name, value } of node.fields) {
      if (name.value === '__proto__') throw new GraphQLError('The key "__proto__" is not taken; rename it.');
      checkLiteral(value, depth + 1);
    }
};

/** `valueFromASTUntyped` makes objects without a prototype; those of `JSON.parse` have one, and so have all others here. */
const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

export const JsonScalar = new GraphQLScalarType<Json, unknown>({
  name: 'JSON',
  description: 'Any JSON value',
  serialize: (value) => value,
  parseValue: readJson,
  parseLiteral: (node, variables) => {
    checkLiteral(node, 0);
    const value: unknown = valueFromASTUntyped(node, variables);
    checkJson(value, 0);
    return plain(value);
  },
});

export const PositionScalar = new GraphQLScalarType<string, string>({
  name: 'Position',
  description: 'opaque, sorts as a string in log order',
  serialize: String,
  parseValue: (value) => {
    if (typeof value === 'string') return value;
    throw new GraphQLError('A Position is a string.');
  },
});
