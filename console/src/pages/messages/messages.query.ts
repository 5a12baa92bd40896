// What the table of messages shows. It loads no content and no deliveries.
import { graphql } from '../../api/graphql.ts';

export const messageRow = graphql(`
  fragment MessageRow on Message @_unmask {
    id
    clientId
    eventType
    orderingKey
    acceptedAt
    outcome {
      succeeded
      failed
      open
      cancelled
      skipped
    }
  }
`);

export const messagesQuery = graphql(
  `
    query Messages($after: String, $filter: MessageFilter) {
      messages(first: 50, after: $after, filter: $filter) {
        nodes {
          ...MessageRow
        }
        searchedUntil
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [messageRow],
);

export const messagesCount = graphql(`
  query MessagesCount($filter: MessageFilter) {
    messages(first: 1, filter: $filter) {
      count {
        value
        exact
      }
    }
  }
`);
