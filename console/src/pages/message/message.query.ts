// What the page of a message shows. Its routing is asked for when it is opened.
import { graphql } from '../../api/graphql.ts';

export const messageQuery = graphql(`
  query Message($id: ID!) {
    message(id: $id) {
      id
      clientId
      eventType
      orderingKey
      timestamp
      acceptedAt
      position
      dataHidden
      data
    }
  }
`);

export const lane = graphql(`
  fragment Lane on Delivery @_unmask {
    id
    status
    test
    attemptCount
    attemptsPlanned
    nextAttemptAt
    heldReason
    endpoint {
      id
      name
    }
  }
`);

export const timelineQuery = graphql(
  `
    query MessageTimeline($id: ID!) {
      message(id: $id) {
        id
        outcome {
          succeeded
          failed
          open
          cancelled
          skipped
        }
        deliveries {
          ...Lane
        }
        timeline {
          at
          text
          event {
            id
            type
            position
          }
          delivery {
            id
          }
        }
      }
    }
  `,
  [lane],
);

export const routingReason = graphql(`
  fragment RoutingReasonParts on RoutingReason @_unmask {
    routed
    reason
    failedConditions {
      path
      asks
    }
    endpoint {
      id
      name
    }
  }
`);

export const routingQuery = graphql(
  `
    query MessageRouting($id: ID!, $routed: Boolean, $after: String) {
      message(id: $id) {
        id
        skipped {
          id
        }
        routing(first: 50, routed: $routed, after: $after) {
          nodes {
            ...RoutingReasonParts
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
      }
    }
  `,
  [routingReason],
);

export const sendMessage = graphql(`
  mutation SendToEndpoint($endpointId: ID!, $messageId: ID!) {
    replayMessages(endpointId: $endpointId, filter: { messageId: $messageId, matching: false }) {
      id
    }
  }
`);

export const endpointNames = graphql(`
  query EndpointNames($search: String) {
    endpoints(first: 50, search: $search, orderBy: NAME) {
      nodes {
        id
        name
        status
      }
    }
  }
`);
