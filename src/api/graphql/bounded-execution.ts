// Bounds the execution of operations: resolvers read within their operation's budget, what they answer counts in it, and long lists and many resolved
// fields give way to other requests. Wraps the resolvers of a schema once.
import {
  defaultFieldResolver,
  getNamedType,
  getNullableType,
  isCompositeType,
  isListType,
  isObjectType,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLSchema,
} from 'graphql';
import { giveWay } from '../../time-slices.ts';
import type { ApiContext } from './context.ts';

type Resolve = GraphQLFieldResolver<unknown, ApiContext>;

/** The types whose values may be long. */
const longValues = new Set(['String', 'JSON']);

export const boundExecution = (schema: GraphQLSchema): GraphQLSchema => {
  for (const type of Object.values(schema.getTypeMap()))
    if (isObjectType(type) && !type.name.startsWith('__'))
      for (const field of Object.values(type.getFields())) {
        const resolve = type.name === 'Mutation' ? mutationResolver(field) : boundedResolver(field);
        if (resolve) field.resolve = resolve;
      }
  return schema;
};

/** Undefined: nothing to bound. */
const boundedResolver = ({ resolve, type }: GraphQLField<unknown, ApiContext>): Resolve | undefined => {
  const named = getNamedType(type);
  const isLong = longValues.has(named.name);
  const isList = isListType(getNullableType(type)) && isCompositeType(named);
  const finished = (value: unknown, { budget }: ApiContext): unknown => {
    if (isLong) budget.countAnswer(value);
    return isList && Array.isArray(value) && value.length > 1 ? inSlices(value) : value;
  };
  if (!resolve && !isLong && !isList) return undefined;
  if (!resolve) return (source, args, context, info) => finished(defaultFieldResolver(source, args, context, info), context);
  return async (source, args, context, info) => {
    await giveWay(); // all fields of an operation's root begin at once
    const value: unknown = await context.budget.run(() => {
      context.budget.check();
      return resolve(source, args, context, info);
    });
    await giveWay();
    return finished(value, context);
  };
};

/** What is asked of a mutation's answer has a budget of its own: the mutation itself may take long. */
const mutationResolver =
  ({ resolve = defaultFieldResolver }: GraphQLField<unknown, ApiContext>): Resolve =>
  async (source, args, context, info) => {
    const value: unknown = await resolve(source, args, context, info);
    context.budget.renew();
    return value;
  };

/** The same list, its entries one after the other: each is completed in its turn. Loaders gather what the entries of one slice ask for. */
const inSlices = (values: readonly unknown[]): readonly Promise<unknown>[] => {
  const entries = values.map(() => Promise.withResolvers<unknown>());
  const resolveAll = async () => {
    for (const [i, { resolve }] of entries.entries()) {
      await giveWay();
      resolve(values[i]);
    }
  };
  void resolveAll(); // it can't reject
  return entries.map(({ promise }) => promise);
};
