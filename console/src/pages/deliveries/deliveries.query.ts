// What the table of deliveries shows. It loads no attempts.
import { graphql } from '../../api/graphql.ts';

export const deliveryRow = graphql(`
  fragment DeliveryRow on Delivery @_unmask {
    id
    status
    test
    attemptCount
    attemptsPlanned
    lastResponseCode
    lastFailure
    lastError
    nextAttemptAt
    createdAt
    endedAt
    message {
      id
      clientId
      eventType
    }
    endpoint {
      id
      name
    }
  }
`);

export const deliveriesQuery = graphql(
  `
    query Deliveries($after: String, $filter: DeliveryFilter) {
      deliveries(first: 50, after: $after, filter: $filter) {
        nodes {
          ...DeliveryRow
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [deliveryRow],
);

export const deliveriesChanged = graphql(
  `
    subscription DeliveriesChanged($filter: DeliveryFilter) {
      deliveriesChanged(filter: $filter) {
        changed {
          ...DeliveryRow
        }
        more
      }
    }
  `,
  [deliveryRow],
);

export const deliveriesCount = graphql(`
  query DeliveriesCount($filter: DeliveryFilter) {
    deliveries(first: 1, filter: $filter) {
      count {
        value
        exact
      }
    }
  }
`);

/** Before all that match are retried: how many, and what they look like. */
export const retrySample = graphql(
  `
    query RetrySample($filter: DeliveryFilter!) {
      deliveries(first: 5, filter: $filter) {
        count {
          value
          exact
        }
        nodes {
          ...DeliveryRow
        }
      }
    }
  `,
  [deliveryRow],
);

export const bulkRetryQuery = graphql(`
  query BulkRetry($id: ID!) {
    bulkRetry(id: $id) {
      id
      matched
      retried
      status
    }
  }
`);

export const cancelBulkRetry = graphql(`
  mutation CancelBulkRetry($id: ID!) {
    cancelBulkRetry(id: $id) {
      id
      status
    }
  }
`);

export const retryDelivery = graphql(`
  mutation RetryDelivery($id: ID!) {
    retryDelivery(id: $id) {
      id
      status
      nextAttemptAt
    }
  }
`);

export const cancelDelivery = graphql(`
  mutation CancelDelivery($id: ID!) {
    cancelDelivery(id: $id) {
      id
      status
      endedAt
    }
  }
`);

export const retryDeliveries = graphql(`
  mutation RetryDeliveries($filter: DeliveryFilter!) {
    retryDeliveries(filter: $filter) {
      id
      matched
      status
    }
  }
`);
