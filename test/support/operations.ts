// Requests for every operation of the schema, so that a spec about all of them finds one that is added.
import {
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
} from 'graphql';

const text = (query: string) => query.replaceAll(/\s+/g, ' ');

/** Asks for every field up to this depth, without arguments. */
const selection = (type: GraphQLOutputType, depth: number): string => {
  if (isNonNullType(type) || isListType(type)) return selection(type.ofType, depth);
  if (isScalarType(type) || isEnumType(type)) return '';
  if (depth < 0) return '{ __typename }';
  const types = isUnionType(type) ? type.getTypes() : isObjectType(type) ? [type] : [];
  const parts = types.map((each) => `... on ${each.name} { ${fieldsOf(each, depth).join(' ')} }`);
  return `{ __typename ${parts.join(' ')} }`;
};
const fieldsOf = (type: GraphQLObjectType, depth: number): string[] =>
  Object.values(type.getFields())
    .filter(({ args }) => !args.some(isRequired))
    .map((field) => `${aliasOf(type.name, field)} ${selection(field.type, depth - 1)}`);
/** Fields of one name and several types can't be asked for in one union. */
const aliasOf = (type: string, { name }: GraphQLField<unknown, unknown>) => `${type}_${name}: ${name}`;
const isRequired = (argument: GraphQLArgument) => isNonNullType(argument.type) && argument.defaultValue === undefined;

/** A value for an argument or input field: the id wherever an id or a text may be one. */
const valueOf = (type: GraphQLInputType, id: string, depth = 0): unknown => {
  if (isNonNullType(type)) return valueOf(type.ofType, id, depth);
  if (isListType(type)) return [valueOf(type.ofType, id, depth)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type))
    return Object.fromEntries(
      Object.values(type.getFields()).flatMap((field) =>
        isNonNullType(field.type) || (depth < 1 && /id$/i.test(field.name)) ? [[field.name, valueOf(field.type, id, depth + 1)]] : [],
      ),
    );
  switch (type.name) {
    case 'ID':
      return id;
    case 'Int':
      return 10;
    case 'Float':
      return 1;
    case 'Boolean':
      return false;
    case 'DateTime':
      return '2026-01-01T00:00:00.000Z';
    case 'JSON':
      return {};
    default:
      return id;
  }
};

export type Operation = { readonly name: string; readonly kind: 'query' | 'mutation'; readonly field: GraphQLField<unknown, unknown> };
export const operationsOf = (schema: GraphQLSchema): Operation[] =>
  (['query', 'mutation'] as const).flatMap((kind) => {
    const type = kind === 'query' ? schema.getQueryType() : schema.getMutationType();
    return Object.values(type?.getFields() ?? {}).map((field) => ({ name: field.name, kind, field }));
  });

/** @param id stands in every argument that takes one. @param depth of the fields asked for; -1: none */
export const requestOf = ({ kind, field }: Operation, id: string, depth: number) => {
  const used = field.args.filter((each) => isRequired(each) || /id$|^text$|^search$/i.test(each.name));
  const variables = Object.fromEntries(used.map(({ name, type }) => [name, valueOf(type, id)]));
  const declared = used.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
  const passed = used.map(({ name }) => `${name}: $${name}`).join(', ');
  const query = `${kind} ${declared === '' ? '' : `(${declared})`} { ${field.name}${passed === '' ? '' : `(${passed})`} ${selection(field.type, depth)} }`;
  return { query: text(query), variables };
};
