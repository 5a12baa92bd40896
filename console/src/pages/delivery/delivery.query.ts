// What the page of a delivery shows: everything of its attempts, as it opens only one.
import { graphql } from '../../api/graphql.ts';
import { configuration } from '../endpoint/endpoint.query.ts';

export const attemptDetails = graphql(`
  fragment AttemptDetails on Attempt @_unmask {
    number
    startedAt
    durationMs
    url
    trigger
    responseCode
    responseHeaders
    responseBody
    responseTruncated
    requestHeaders
    requestBody
    bodySha256
    bodyVerified
    failure
    error
    hint
    configuration {
      revision
    }
  }
`);

export const deliveryQuery = graphql(
  `
    query Delivery($id: ID!) {
      delivery(id: $id) {
        id
        status
        test
        heldReason
        attemptCount
        attemptsPlanned
        nextAttemptAt
        createdAt
        endedAt
        message {
          id
          clientId
          eventType
          timestamp
        }
        endpoint {
          id
          name
          url
          status
          revision
          retryPolicy {
            delaysSeconds
          }
        }
        attempts {
          ...AttemptDetails
        }
      }
    }
  `,
  [attemptDetails],
);

export const attemptConfigurations = graphql(
  `
    query AttemptConfigurations($id: ID!) {
      delivery(id: $id) {
        id
        endpoint {
          id
          ...Configuration
        }
        attempts {
          number
          configuration {
            ...Configuration
          }
        }
      }
    }
  `,
  [configuration],
);
