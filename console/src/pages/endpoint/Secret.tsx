// The secret that signs for an endpoint.
import { graphql } from '../../api/graphql.ts';
import { SecretBox } from '../../components/SecretBox.tsx';

const secretQuery = graphql(`
  query EndpointSecret($id: ID!) {
    endpoint(id: $id) {
      id
      secret
    }
  }
`);

export const Secret = ({ endpointId }: { readonly endpointId: string }) => (
  <SecretBox
    id="secret"
    title="Secret"
    label="Secret"
    text="The receiver checks the signature with it. Each look at it is recorded."
    query={secretQuery}
    variables={{ id: endpointId }}
    secretOf={({ endpoint }) => endpoint?.secret}
  />
);
