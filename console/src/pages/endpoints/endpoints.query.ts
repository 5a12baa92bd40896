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
    health {
      state
      since
      lastError
    }
  }
`);

export const endpointsQuery = graphql(
  `
    query Endpoints($after: String, $status: EndpointStatus, $health: HealthState) {
      endpoints(first: 50, after: $after, status: $status, health: $health) {
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
