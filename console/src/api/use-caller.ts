// Who is signed in, and for which organization the console acts. What the role may do is in role.ts.
import { useQuery } from 'urql';
import { graphql, type ResultOf } from './graphql.ts';

const callerQuery = graphql(`
  query Caller {
    me {
      name
      role
      expiresAt
      spansOrganizations
      organization {
        id
        name
      }
    }
  }
`);

export type Caller = ResultOf<typeof callerQuery>['me'];

/** Asked once for all that show it. Undefined: not yet. */
export const useCaller = (): Caller | undefined => useQuery({ query: callerQuery, requestPolicy: 'cache-first' })[0].data?.me;
