// What the overview asks. The balance counts rows, so it is a query of its own that is asked at most once a minute.
import { graphql } from '../../api/graphql.ts';

export const overviewQuery = graphql(`
  query Overview($since: DateTime!, $until: DateTime!, $buckets: Int!) {
    all: endpoints(first: 1) {
      count {
        value
      }
    }
    failing: endpoints(first: 1, health: FAILING) {
      count {
        value
      }
    }
    stopped: endpoints(first: 1, health: OPEN) {
      count {
        value
      }
    }
    organization {
      id
      usage {
        waitingDeliveries
      }
    }
    system {
      oldestDueSeconds
    }
    total: deliveryStats(since: $since, until: $until, buckets: 1) {
      accepted
      succeeded
      failed
      p95Ms
    }
    chart: deliveryStats(since: $since, until: $until, buckets: $buckets) {
      start
      accepted
      succeeded
      failed
      failedAttempts
      p95Ms
    }
  }
`);

export const attentionQuery = graphql(`
  query Attention {
    attention(first: 10) {
      endpoint {
        id
        name
        url
        status
        health {
          state
        }
      }
      sentence
      since
      waiting
    }
  }
`);

export const balanceQuery = graphql(`
  query Balance {
    conservation {
      position
      routed
      succeeded
      failed
      cancelled
      open
      balanced
    }
  }
`);
