// What the caller's key may do, for the pages that the console shares with the portal. Until the answer is there they show everything, and the API refuses.
import { useMemo, type ReactNode } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../api/graphql.ts';
import { RightsContext, useRights } from '../api/rights.ts';

const rightsQuery = graphql(`
  query KeyRights {
    me {
      capabilities
    }
  }
`);

export const KeyRights = ({ children }: { readonly children: ReactNode }) => {
  const everything = useRights();
  const [{ data }] = useQuery({ query: rightsQuery, variables: {}, requestPolicy: 'cache-first' });
  const capabilities = data?.me.capabilities;
  const rights = useMemo(
    () =>
      capabilities === undefined
        ? everything
        : {
            isPortal: false,
            may: (capability: (typeof capabilities)[number]) => capabilities.includes(capability),
            mayMakeEndpoints: capabilities.includes('MANAGE_ENDPOINTS'),
          },
    [capabilities, everything],
  );
  return <RightsContext value={rights}>{children}</RightsContext>;
};
