// What the table of endpoints shows.
import { graphql } from '../../api/graphql.ts';

export const endpointRow = graphql(`
  fragment EndpointRow on Endpoint @_unmask {
    id
    name
    url
    eventTypes
    status
    disabledReason
    successRate {
      ratio
      label
    }
    openDeliveries
    lastAttempt {
      startedAt
      responseCode
    }
    health {
      state
      since
      lastError
    }
  }
`);

export const endpointsQuery = graphql(
  `
    query Endpoints(
      $after: String
      $status: EndpointStatus
      $health: HealthState
      $search: String
      $eventType: String
      $orderBy: EndpointOrder
    ) {
      endpoints(first: 50, after: $after, status: $status, health: $health, search: $search, eventType: $eventType, orderBy: $orderBy) {
        nodes {
          ...EndpointRow
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [endpointRow],
);
