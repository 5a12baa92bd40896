// Requests made from a schema: for every query, mutation and subscription one that names an id wherever it can, and asks for every field that it may.
// So an operation or a field that is added is asked for by the specs that use this, without a line there.
import {
  buildClientSchema,
  getIntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  isUnionType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type IntrospectionQuery,
} from 'graphql';
import type { Client } from './client.ts';

type OperationKind = 'query' | 'mutation' | 'subscription';
export type Operation = { readonly name: string; readonly kind: OperationKind; readonly field: GraphQLField<unknown, unknown> };

export const readSchema = async (client: Client): Promise<GraphQLSchema> => {
  const { data } = await client.ask(getIntrospectionQuery());
  return buildClientSchema(data as unknown as IntrospectionQuery);
};

export const operationsOf = (schema: GraphQLSchema, ...kinds: readonly OperationKind[]): Operation[] =>
  kinds.flatMap((kind) => {
    const root = { query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() }[kind];
    return Object.values(root?.getFields() ?? {}).map((field) => ({ name: field.name, kind, field }));
  });

// ── What is asked for ──

const selection = (type: GraphQLOutputType, depth: number): string => {
  if (isNonNullType(type) || isListType(type)) return selection(type.ofType, depth);
  if (isScalarType(type) || isEnumType(type)) return '';
  if (depth < 0) return '{ __typename }';
  const types = isUnionType(type) ? type.getTypes() : isObjectType(type) ? [type] : [];
  return `{ __typename ${types.map((each) => `... on ${each.name} { ${fieldsOf(each, depth).join(' ')} }`).join(' ')} }`;
};
const fieldsOf = (type: GraphQLObjectType, depth: number): string[] =>
  Object.values(type.getFields()).map((field) => {
    const needed = field.args.flatMap((each) =>
      isRequired(each) ? [`${each.name}: ${literal(each.type)}`] : each.name === 'first' ? ['first: 2'] : [],
    );
    // Fields of one name and several types can't be asked for in one union, so each goes by its type and name.
    return `${type.name}_${field.name}: ${field.name}${needed.length === 0 ? '' : `(${needed.join(', ')})`} ${selection(field.type, depth - 1)}`;
  });
const isRequired = (argument: GraphQLArgument) => isNonNullType(argument.type) && argument.defaultValue === undefined;
const literal = (type: GraphQLInputType): string => {
  const value = valueOf(type, 'x');
  return isEnumType(isNonNullType(type) ? type.ofType : type) ? String(value) : JSON.stringify(value);
};

/** `Type.field` of everything that an answer holds. */
export const fieldsIn = (answer: unknown): string[] => {
  if (Array.isArray(answer)) return answer.flatMap(fieldsIn);
  if (typeof answer !== 'object' || answer === null) return [];
  return Object.entries(answer).flatMap(([key, value]) => {
    const [, type, field] = /^([A-Z][A-Za-z]*)_(\w+)$/.exec(key) ?? [];
    return [...(type === undefined || field === undefined ? [] : [`${type}.${field}`]), ...fieldsIn(value)];
  });
};

/** `Type.field` of every field of the schema that is below an operation. */
export const allFields = (schema: GraphQLSchema): string[] => {
  const roots: ReadonlySet<unknown> = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]);
  return Object.values(schema.getTypeMap())
    .filter((type) => isObjectType(type))
    .filter((type) => !type.name.startsWith('__') && !roots.has(type))
    .flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`));
};

// ── With which ids ──

/** Names of arguments and input fields that take what somebody can name: they are given the id, whether they are needed or not. */
const naming = /(^|[a-z])ids?$|^(text|search|organization)$/i;

/** What an argument or an input field of that name is given. */
type IdFor = string | ((name: string) => string);

const texts: Readonly<Record<string, string>> = { url: 'https://receiver.example/', text: 'of' };

/** The id where an id is asked for, and where the name says so. */
const valueOf = (type: GraphQLInputType, id: IdFor, depth = 0, name = 'id'): unknown => {
  if (isNonNullType(type)) return valueOf(type.ofType, id, depth, name);
  if (isListType(type)) return [valueOf(type.ofType, id, depth, name)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) {
    const given = Object.values(type.getFields()).filter((each) => isNonNullType(each.type) || (depth < 1 && naming.test(each.name)));
    return Object.fromEntries(given.map((each) => [each.name, valueOf(each.type, id, depth + 1, each.name)]));
  }
  const values: Readonly<Record<string, unknown>> = { Int: 10, Float: 1, Boolean: false, DateTime: '2026-01-01T00:00:00.000Z', JSON: {} };
  if (values[type.name] !== undefined) return values[type.name];
  if (type.name !== 'ID' && !naming.test(name)) return texts[name] ?? 'some.text';
  return typeof id === 'string' ? id : id(name);
};

/** Whether a request of it says an id at all. */
export const takesIds = ({ field }: Operation): boolean => {
  const takes = (type: GraphQLInputType, depth: number): boolean => {
    if (isNonNullType(type) || isListType(type)) return takes(type.ofType, depth);
    if (!isInputObjectType(type) || depth > 1) return false;
    return Object.values(type.getFields()).some((each) => naming.test(each.name) || takes(each.type, depth + 1));
  };
  return field.args.some((each) => naming.test(each.name) || takes(each.type, 0));
};

/**
 * @param depth how far below the operation it asks
 * @param isWide leaves out what it need not say, so that the answer holds as much as there is
 */
export const requestOf = ({ kind, field }: Operation, id: IdFor, depth: number, isWide = false) => {
  const says = (each: GraphQLArgument) =>
    isRequired(each) || each.name === 'first' || (!isWide && (naming.test(each.name) || isInputObjectType(each.type)));
  const used = field.args.filter(says);
  const variables = Object.fromEntries(used.map(({ name, type }) => [name, name === 'first' ? 10 : valueOf(type, id, 0, name)]));
  const declared = used.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
  const passed = used.map(({ name }) => `${name}: $${name}`).join(', ');
  const query = `${kind} ${declared === '' ? '' : `(${declared})`} { ${field.name}${passed === '' ? '' : `(${passed})`} ${selection(field.type, depth)} }`;
  return { query: query.replaceAll(/\s+/g, ' '), variables };
};

/** Of the deepest request, up to `depth`, that costs no more than an operation may. */
export const answerTo = async (
  client: Client,
  operation: Operation,
  id: IdFor,
  depth: number,
  isWide = false,
): Promise<Awaited<ReturnType<Client['ask']>>> => {
  for (let tried = depth; ; tried--) {
    const { query, variables } = requestOf(operation, id, tried, isWide);
    const answer = await client.ask(query, variables);
    if (
      tried === 0 ||
      !answer.errors?.some(({ message }) => /may answer more than|levels deep|fields deep|too many|more than \d+ tokens/i.test(message))
    )
      return answer;
  }
};
