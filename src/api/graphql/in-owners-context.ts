// Keys that span the installation find what other organizations than the one they act for have. The fields of a thing are resolved for the organization that
// it belongs to: with its keys and its loaders. Wraps the resolvers of a schema once.
import { isObjectType, type GraphQLSchema } from 'graphql';
import { asOrganizationId, type OrganizationId } from '../../domain/ids.ts';
import type { ApiContext } from './context.ts';

/** The types whose values say, by themselves or by their view, which organization they belong to. */
const owned = ['Endpoint', 'Message', 'Delivery', 'Attempt'];

export const resolveInOwnersContext = (schema: GraphQLSchema): GraphQLSchema => {
  for (const name of owned) {
    const type = schema.getType(name);
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      const { resolve } = field;
      if (resolve)
        field.resolve = (source: unknown, args, context: ApiContext, info) => resolve(source, args, contextOf(source, context), info);
    }
  }
  return schema;
};

const contextOf = (source: unknown, context: ApiContext): ApiContext => {
  const { caller, actingFor } = context;
  if (!actingFor) return context;
  const owner = ownerIn(source) ?? ownerIn(partOf(source, 'view')) ?? ownerIn(partOf(source, 'delivery'));
  return owner === undefined || owner === caller.organizationId ? context : actingFor(owner);
};

const partOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (Reflect.get(value, name) as unknown) : undefined;

const ownerIn = (value: unknown): OrganizationId | undefined => {
  const id = partOf(value, 'organizationId');
  return typeof id === 'string' ? asOrganizationId(id) : undefined;
};
