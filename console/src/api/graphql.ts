// Types every document from the schema, which `npm run typecheck:console` reads from the built server.
import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './generated/schema.d.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; JSON: Json; Position: string };
}>();

export type { FragmentOf, ResultOf, VariablesOf } from 'gql.tada';
export { readFragment } from 'gql.tada';
