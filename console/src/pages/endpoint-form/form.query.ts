// What the form asks and changes.
import { graphql } from '../../api/graphql.ts';

export const formEndpoint = graphql(`
  fragment FormEndpoint on Endpoint @_unmask {
    id
    revision
    name
    url
    description
    status
    eventTypes
    filter
    format
    formatOptions
    signature
    useOrganizationKey
    headers {
      name
      value
    }
    retryPolicy {
      delaysSeconds
      jitter
    }
    timeoutSeconds
    batch {
      maxSize
      maxWaitMs
    }
    rateLimit {
      perSecond
      burst
    }
    maxConcurrency
    ordering
    onExhausted
    disableAfterSeconds
  }
`);

export const endpointToEdit = graphql(
  `
    query EndpointToEdit($id: ID!) {
      endpoint(id: $id) {
        ...FormEndpoint
      }
    }
  `,
  [formEndpoint],
);

export const formChoices = graphql(`
  query FormChoices {
    eventTypes {
      name
      group
      sample
      retired
    }
    system {
      httpAllowed
    }
  }
`);

export const createEndpoint = graphql(`
  mutation CreateEndpoint($input: EndpointInput!) {
    createEndpoint(input: $input) {
      id
      name
      secret
    }
  }
`);

export const updateEndpoint = graphql(`
  mutation UpdateEndpoint($id: ID!, $input: EndpointPatch!, $expectedRevision: Int) {
    updateEndpoint(id: $id, input: $input, expectedRevision: $expectedRevision) {
      id
      revision
    }
  }
`);

export const previewEndpoint = graphql(`
  mutation PreviewEndpoint($input: EndpointInput!, $message: MessageInput!) {
    previewEndpoint(input: $input, message: $message) {
      url
      headers
      body
      matches
    }
  }
`);

export const testDraft = graphql(`
  mutation TestDraft($input: EndpointInput, $id: ID, $patch: EndpointPatch, $eventType: String, $data: JSON) {
    testDraft(input: $input, id: $id, patch: $patch, eventType: $eventType, data: $data) {
      requestUrl
      attempt {
        responseCode
        durationMs
        failure
        error
        hint
        responseBody
      }
    }
  }
`);
