// What can be done to an endpoint from a list and from its page.
import { graphql } from '../../api/graphql.ts';

export const pauseEndpoint = graphql(`
  mutation PauseEndpoint($id: ID!) {
    pauseEndpoint(id: $id) {
      id
      status
    }
  }
`);

export const resumeEndpoint = graphql(`
  mutation ResumeEndpoint($id: ID!) {
    resumeEndpoint(id: $id) {
      id
      status
    }
  }
`);

export const disableEndpoint = graphql(`
  mutation DisableEndpoint($id: ID!, $reason: String) {
    disableEndpoint(id: $id, reason: $reason) {
      id
      status
      disabledReason
    }
  }
`);

export const enableEndpoint = graphql(`
  mutation EnableEndpoint($id: ID!) {
    enableEndpoint(id: $id) {
      id
      status
      skippedSinceDisabled
    }
  }
`);

export const deleteEndpoint = graphql(`
  mutation DeleteEndpoint($id: ID!) {
    deleteEndpoint(id: $id)
  }
`);

export const rotateSecret = graphql(`
  mutation RotateSecret($id: ID!, $secret: String, $graceSeconds: Int) {
    rotateEndpointSecret(id: $id, secret: $secret, graceSeconds: $graceSeconds) {
      id
      secret
    }
  }
`);

export const testEndpoint = graphql(`
  mutation TestEndpoint($id: ID!) {
    testEndpoint(id: $id) {
      id
    }
  }
`);
