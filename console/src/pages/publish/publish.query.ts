// What the page of publishing asks and does.
import { graphql } from '../../api/graphql.ts';
import { routingReason } from '../message/message.query.ts';

export const samplesQuery = graphql(`
  query Samples {
    eventTypes {
      name
      retired
      sample
    }
  }
`);

export const wouldReceiveQuery = graphql(
  `
    query WouldReceive($message: MessageInput!, $routed: Boolean, $after: String) {
      wouldReceive(message: $message, first: 50, routed: $routed, after: $after) {
        nodes {
          ...RoutingReasonParts
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [routingReason],
);

export const publishMessage = graphql(`
  mutation Publish($message: MessageInput!) {
    publishMessages(messages: [$message]) {
      id
      duplicate
      destinations
    }
  }
`);
