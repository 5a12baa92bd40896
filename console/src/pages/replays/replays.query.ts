// Jobs that send past messages or retry deliveries, and what a new one would look at.
import { graphql } from '../../api/graphql.ts';

export const replaysQuery = graphql(`
  query Replays($after: String) {
    replays(first: 25, after: $after) {
      nodes {
        id
        status
        ratePerSecond
        requestedBy
        requestedAt
        cameTo
        looked
        sent
        endedAt
        reason
        filter {
          eventType
          messageId
          since
          until
          only
          matching
        }
        endpoint {
          id
          name
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const bulkRetriesQuery = graphql(`
  query BulkRetries($after: String) {
    bulkRetries(first: 25, after: $after) {
      nodes {
        id
        status
        matched
        retried
        filter
        actor
        requestedAt
        endedAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const cancelReplay = graphql(`
  mutation CancelReplay($id: ID!) {
    cancelReplay(id: $id) {
      id
      status
      reason
      endedAt
    }
  }
`);

export const cancelBulkRetry = graphql(`
  mutation CancelBulkRetry($id: ID!) {
    cancelBulkRetry(id: $id) {
      id
      status
      endedAt
    }
  }
`);

export const startReplay = graphql(`
  mutation StartReplay($endpointId: ID!, $filter: ReplayFilter!, $ratePerSecond: Float!) {
    replayMessages(endpointId: $endpointId, filter: $filter, ratePerSecond: $ratePerSecond) {
      id
    }
  }
`);

export const replayCounts = graphql(`
  query ReplayCounts($messages: MessageFilter, $sent: DeliveryFilter, $failed: DeliveryFilter) {
    messages(first: 1, filter: $messages) {
      count {
        value
        exact
      }
    }
    sent: deliveries(first: 1, filter: $sent) {
      count {
        value
        exact
      }
    }
    failed: deliveries(first: 1, filter: $failed) {
      count {
        value
        exact
      }
    }
  }
`);
