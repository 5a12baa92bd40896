// What the search palette asks.
import { graphql } from '../api/graphql.ts';

export const searchQuery = graphql(`
  query Search($text: String!) {
    search(text: $text) {
      kind: __typename
      ... on Message {
        id
        eventType
        clientId
      }
      ... on Delivery {
        id
        deliveryStatus: status
        message {
          eventType
        }
        endpoint {
          name
        }
      }
      ... on Endpoint {
        id
        name
        url
      }
      ... on EventType {
        name
        description
      }
      ... on Organization {
        id
        name
      }
      ... on ApiKey {
        id
        name
        role
      }
    }
  }
`);
