// Types every document from the schema, which `npm run typecheck:console` reads from the built server.
import { initGraphQLTada } from 'gql.tada';
import type { Json } from '../../../src/domain/json.ts';
import type { introspection } from './generated/schema.d.ts';

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; JSON: Json; Position: string };
}>();

export type { Json } from '../../../src/domain/json.ts';
export type { FragmentOf, ResultOf, VariablesOf } from 'gql.tada';
export { readFragment } from 'gql.tada';
