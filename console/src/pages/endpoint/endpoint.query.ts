// What the page of an endpoint asks, each tab its own.
import { graphql } from '../../api/graphql.ts';
import { deliveryRow } from '../deliveries/deliveries.query.ts';

/** What can change of an endpoint; for showing it, and for comparing then with now. */
export const configuration = graphql(`
  fragment Configuration on Endpoint @_unmask {
    revision
    name
    url
    description
    status
    disabledReason
    eventTypes
    filter
    format
    formatOptions
    headers {
      name
      value
    }
    batch {
      maxSize
      maxWaitMs
    }
    signature
    useOrganizationKey
    retryPolicy {
      delaysSeconds
      jitter
    }
    timeoutSeconds
    rateLimit {
      perSecond
      burst
    }
    maxConcurrency
    ordering
    onExhausted
    disableAfterSeconds
  }
`);

export const endpointQuery = graphql(
  `
    query Endpoint($id: ID!) {
      endpoint(id: $id) {
        id
        ...Configuration
        publicKey
        health {
          state
          since
          consecutiveFailures
          lastError
          lastSuccessAt
          nextProbeAt
        }
        openDeliveries
        heldDeliveries
        skippedSinceDisabled
        createdAt
        updatedAt
      }
    }
  `,
  [configuration],
);

export const figuresQuery = graphql(`
  query EndpointFigures($id: ID!, $window: Window!, $since: DateTime!) {
    endpoint(id: $id) {
      id
      successRate(window: $window) {
        ratio
        label
      }
      deliveryStats(since: $since, buckets: 1) {
        accepted
        succeeded
        failed
        attempts
        failedAttempts
        p50Ms
        p95Ms
      }
    }
    reasons: failureStats(endpointId: $id, since: $since, by: REASON, top: 8) {
      key
      attempts
      deliveries
      lastAt
    }
    codes: failureStats(endpointId: $id, since: $since, by: CODE, top: 8) {
      key
      attempts
      deliveries
      lastAt
    }
  }
`);

export const lastDeliveries = graphql(
  `
    query LastDeliveries($id: ID!) {
      deliveries(first: 10, filter: { endpointId: $id }) {
        nodes {
          ...DeliveryRow
        }
      }
    }
  `,
  [deliveryRow],
);

export const changesQuery = graphql(`
  query EndpointChanges($id: ID!) {
    endpointChanges(id: $id) {
      field
      from
      to
      actor
      at
      event {
        id
        position
        type
      }
    }
  }
`);

export const endpointThen = graphql(
  `
    query EndpointThen($id: ID!, $position: Position!) {
      endpoint(id: $id, asOfPosition: $position) {
        id
        ...Configuration
      }
    }
  `,
  [configuration],
);

/** To find the one that sends what was skipped. */
export const replaysOfSkipped = graphql(`
  query ReplaysOfSkipped {
    replays(first: 50) {
      nodes {
        id
        status
        sent
        requestedAt
        endpoint {
          id
        }
        filter {
          only
        }
      }
    }
  }
`);

export const sendSkipped = graphql(`
  mutation SendSkipped($id: ID!, $filter: ReplayFilter!, $ratePerSecond: Float!) {
    replayMessages(endpointId: $id, filter: $filter, ratePerSecond: $ratePerSecond) {
      id
    }
  }
`);

export const testTypes = graphql(`
  query TestTypes {
    eventTypes {
      name
      group
      sample
      retired
    }
  }
`);

export const testWith = graphql(`
  mutation TestWith($id: ID!, $eventType: String, $data: JSON) {
    testEndpoint(id: $id, eventType: $eventType, data: $data) {
      id
    }
  }
`);

export const testOutcome = graphql(`
  query TestOutcome($id: ID!) {
    delivery(id: $id) {
      id
      status
      endpoint {
        id
      }
      attempts {
        responseCode
        durationMs
        failure
        error
        hint
        responseBody
      }
    }
  }
`);
