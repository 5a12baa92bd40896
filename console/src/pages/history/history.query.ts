// What the page of the history shows. The names of endpoints come beside it, as events have only their ids.
import { graphql } from '../../api/graphql.ts';

export const logEvent = graphql(`
  fragment LogEventParts on LogEvent @_unmask {
    id
    position
    stream
    revision
    type
    recordedAt
    actor
    correlationId
    causationId
    data
  }
`);

export const historyQuery = graphql(
  `
    query History($after: String, $filter: HistoryFilter, $newestFirst: Boolean) {
      history(first: 50, after: $after, filter: $filter, newestFirst: $newestFirst) {
        nodes {
          ...LogEventParts
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [logEvent],
);

export const historyNames = graphql(`
  query HistoryNames {
    endpoints(first: 200) {
      nodes {
        id
        name
      }
    }
  }
`);

export const aroundQuery = graphql(
  `
    query HistoryAround($before: HistoryFilter!, $after: HistoryFilter!) {
      before: history(first: 100, filter: $before, newestFirst: true) {
        nodes {
          ...LogEventParts
        }
      }
      after: history(first: 100, filter: $after) {
        nodes {
          ...LogEventParts
        }
      }
    }
  `,
  [logEvent],
);

export const fieldChangesQuery = graphql(`
  query FieldChanges($id: ID!, $since: DateTime!, $until: DateTime!) {
    endpointChanges(id: $id, since: $since, until: $until) {
      field
      from
      to
      event {
        id
      }
    }
  }
`);
