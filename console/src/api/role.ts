// What the role of the caller's API key may do. The API decides; the pages leave out what it would refuse.
import { useQuery } from 'urql';
import { graphql, type ResultOf } from './graphql.ts';

export const roleQuery = graphql(`
  query Role {
    me {
      role
    }
  }
`);
type RoleName = NonNullable<ResultOf<typeof roleQuery>['me']['role']>;

export type Role = {
  /** Undefined until the answer is there, and of a portal session. */
  readonly name: RoleName | undefined;
  /** Endpoints, deliveries, replays, sources and event types. */
  readonly mayOperate: boolean;
  readonly mayPublish: boolean;
  readonly mayReadHistory: boolean;
};

export const useRole = (): Role => {
  const [{ data }] = useQuery({ query: roleQuery, variables: {}, requestPolicy: 'cache-first' });
  const name = data?.me.role ?? undefined;
  return {
    name,
    mayOperate: name === 'ADMIN' || name === 'OPERATOR',
    mayPublish: name === 'ADMIN' || name === 'PUBLISHER',
    mayReadHistory: name === 'ADMIN' || name === 'OPERATOR' || name === 'AUDITOR',
  };
};
