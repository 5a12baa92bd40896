// What the form asks about past messages.
import { graphql } from '../../api/graphql.ts';

/** Of the last messages, those that such an endpoint would have got. Bodies are asked for one message at a time. */
export const whatIfQuery = graphql(`
  query WhatIf($endpoint: EndpointInput!) {
    whatIf(endpoint: $endpoint, limit: 100) {
      looked
      messages {
        message {
          id
          eventType
          acceptedAt
        }
      }
    }
  }
`);

export const pastMessage = graphql(`
  query PastMessage($id: ID!) {
    message(id: $id) {
      id
      clientId
      eventType
      timestamp
      data
    }
  }
`);
