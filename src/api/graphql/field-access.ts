// Enforces portal-fields.ts on every field of the schema, and what a portal session sees on every endpoint, delivery and message that an answer
// holds, whatever query or mutation led to it. Wraps the resolvers of a schema once.
import { defaultFieldResolver, getNamedType, isListType, getNullableType, isNonNullType, isObjectType } from 'graphql';
import type { GraphQLField, GraphQLFieldResolver, GraphQLObjectType, GraphQLSchema } from 'graphql';
import type { Json } from '../../domain/json.ts';
import type { ApiKeyCaller, PortalCaller } from '../auth/authentication.ts';
import { adminFields, portalFieldOf, type PortalField } from '../auth/portal-fields.ts';
import { Refusal } from '../refusal.ts';
import type { ApiContext } from './context.ts';
import { sees } from './visibility.ts';

type Field = GraphQLField<unknown, ApiContext>;
type Resolve = GraphQLFieldResolver<unknown, ApiContext>;

const roots = new Set(['Query', 'Mutation', 'Subscription']);

export const enforceFieldAccess = (schema: GraphQLSchema): GraphQLSchema => {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) restrict(type, field);
  }
  return schema;
};

const restrict = (type: GraphQLObjectType, field: Field): void => {
  if (adminFields[type.name]?.includes(field.name)) field.resolve = forAdmins(type, field);
  if (!roots.has(type.name)) {
    const right = portalFieldOf(type.name, field.name);
    if (!right || right.needs !== undefined) field.resolve = forPortals(type, field, right);
  }
  const seen = sees[getNamedType(field.type).name.replace(/Connection$/, '')];
  if (seen) field.resolve = onlySeen(field, seen);
};

const forAdmins =
  (type: GraphQLObjectType, { name, resolve = defaultFieldResolver }: Field): Resolve =>
  (source, args, context, info) => {
    const { caller } = context;
    if (caller.kind === 'API_KEY' && caller.role !== 'ADMIN') throw notForRole(`${type.name}.${name}`, caller);
    return resolve(source, args, context, info);
  };

const notForRole = (field: string, { role }: ApiKeyCaller) =>
  new Refusal('FORBIDDEN', `Reading ${field} needs an API key with the role ADMIN; yours has the role ${role}.`);

const forPortals = (type: GraphQLObjectType, { name, resolve = defaultFieldResolver }: Field, right: PortalField | undefined): Resolve => {
  const field = `${type.name}.${name}`;
  return (source, args, context, info) => {
    const { caller } = context;
    if (caller.kind !== 'PORTAL' || maySee(caller, right)) return resolve(source, args, context, info);
    const { instead } = right ?? {};
    if (instead !== undefined) return instead satisfies Json;
    const isNever = right?.needs === undefined || right.needs === 'NEVER';
    const needed = isNever ? 'an API key: portal sessions do not see it' : `a portal session with ${right.needs}; yours is without it`;
    throw new Refusal('FORBIDDEN', `Reading ${field} needs ${needed}.`);
  };
};

const maySee = ({ capabilities }: PortalCaller, right: PortalField | undefined): boolean =>
  right !== undefined && (right.needs === undefined || (right.needs !== 'NEVER' && capabilities.includes(right.needs)));

type Sees = (value: never, context: ApiContext) => boolean | Promise<boolean>;
type ConnectionLike = { readonly edges: readonly { readonly node: unknown }[] };
const isConnection = (value: unknown): value is ConnectionLike => typeof value === 'object' && value !== null && 'edges' in value;

/** Lists and pages without what the caller does not see; a single one is null, or NOT_FOUND where it can't be null. */
const onlySeen = ({ resolve = defaultFieldResolver, type }: Field, seen: Sees): Resolve => {
  const isOf = seen as (value: unknown, context: ApiContext) => boolean | Promise<boolean>;
  const isList = isListType(getNullableType(type));
  const keep = async (values: readonly unknown[], context: ApiContext): Promise<unknown[]> => {
    const kept = await Promise.all(values.map(async (value) => isOf(await value, context)));
    return values.filter((_, i) => kept[i]);
  };
  const restricted = async (value: unknown, context: ApiContext): Promise<unknown> => {
    if (value === null || value === undefined || value instanceof Error) return value;
    if (isList && Array.isArray(value)) return keep(value, context);
    if (isConnection(value)) {
      const nodes = await keep(
        value.edges.map(({ node }) => node),
        context,
      );
      const left = new Set(nodes);
      return { ...value, nodes, edges: value.edges.filter(({ node }) => left.has(node)) };
    }
    if (await isOf(value, context)) return value;
    if (!isNonNullType(type)) return null;
    throw new Refusal('NOT_FOUND', 'There is no such thing here; lists show what there is.');
  };
  return (source, args, context, info) => {
    const value: unknown = resolve(source, args, context, info);
    return context.caller.kind === 'PORTAL' ? Promise.resolve(value).then((resolved) => restricted(resolved, context)) : value;
  };
};
