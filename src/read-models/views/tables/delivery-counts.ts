// Counts of each endpoint's deliveries: in total, and by the hour for success rates.
import type { EndpointId, OrganizationId } from '../../../domain/ids.ts';
import type { Handlers, Reducer } from './reducer.ts';
import type { Table } from './table.ts';

/** Deliveries that ended in an hour. Without tests and cancelled deliveries. */
type SuccessBucketRow = {
  endpoint_id: EndpointId;
  /** Hours since 1970. */
  hour: number;
  succeeded: number;
  failed: number;
};

/** All deliveries since the beginning. `rated_…` are the sums of the buckets; the others include tests. */
type EndpointTotalRow = {
  organization_id: OrganizationId;
  endpoint_id: EndpointId;
  routed: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  rated_succeeded: number;
  rated_failed: number;
};

export const successBuckets: Table<SuccessBucketRow> = {
  columns: { endpoint_id: 'text', hour: 'integer', succeeded: 'int64', failed: 'int64' },
  primaryKey: ['endpoint_id', 'hour'],
};

export const endpointTotals: Table<EndpointTotalRow> = {
  columns: {
    organization_id: 'text',
    endpoint_id: 'text',
    routed: 'int64',
    succeeded: 'int64',
    failed: 'int64',
    cancelled: 'int64',
    rated_succeeded: 'int64',
    rated_failed: 'int64',
  },
  primaryKey: ['organization_id', 'endpoint_id'],
};

const hourMs = 3_600_000;
/** Hours since 1970. */
export const hourOf = (milliseconds: number) => Math.floor(milliseconds / hourMs);

/** What the events say of a delivery, or of all deliveries of a batch. */
type Counted = {
  readonly organizationId: OrganizationId;
  readonly endpointId: EndpointId;
  readonly test?: true | undefined;
  /** Of the batch. Left out: a single delivery. */
  readonly size?: number | undefined;
};
type Ended = 'succeeded' | 'failed';
type Reopening = Counted & { readonly reopened?: { readonly status: Ended | 'cancelled'; readonly endedAt: string } | undefined };

/** What a batch of events adds to the counts of an endpoint. */
type Increments = { readonly total: EndpointTotalRow; readonly byHour: Map<number, SuccessBucketRow> };

/** Long, as both tables count the same events and are written from the same increments. */
export const reduceDeliveryCounts = (): Reducer => {
  const increments = new Map<EndpointId, Increments>();

  const of = (organization_id: OrganizationId, endpoint_id: EndpointId): Increments => {
    let found = increments.get(endpoint_id);
    if (!found) {
      const zero = { routed: 0, succeeded: 0, failed: 0, cancelled: 0, rated_succeeded: 0, rated_failed: 0 };
      found = { total: { organization_id, endpoint_id, ...zero }, byHour: new Map() };
      increments.set(endpoint_id, found);
    }
    return found;
  };

  const count = ({ organizationId, endpointId, test, size = 1 }: Counted, how: Ended, endedAt: number, sign: 1 | -1): void => {
    const by = sign * size;
    const { total, byHour } = of(organizationId, endpointId);
    total[how] += by;
    if (test) return;
    total[`rated_${how}`] += by;
    const hour = hourOf(endedAt);
    let bucket = byHour.get(hour);
    if (!bucket) byHour.set(hour, (bucket = { endpoint_id: endpointId, hour, succeeded: 0, failed: 0 }));
    bucket[how] += by;
  };

  const countCancelled = ({ organizationId, endpointId, size = 1 }: Counted, sign: 1 | -1): void => {
    of(organizationId, endpointId).total.cancelled += sign * size;
  };

  // As `attemptEndedAt`, without a text in between.
  const succeeded = ({ data }: { readonly data: Counted & { readonly startedAt: string; readonly durationMs: number } }) =>
    count(data, 'succeeded', Date.parse(data.startedAt) + Math.round(data.durationMs), 1);
  const exhausted = ({ data }: { readonly data: Counted & { readonly at: string } }) => count(data, 'failed', Date.parse(data.at), 1);
  /** A delivery that had ended no longer counts as such. */
  const reopened = ({ data }: { readonly data: Reopening }) => {
    const ended = data.reopened;
    if (ended?.status === 'cancelled') countCancelled(data, -1);
    else if (ended) count(data, ended.status, Date.parse(ended.endedAt), -1);
  };

  /** One that had failed and held its ordering key no longer counts as failed. */
  const cancelled = ({ data }: { readonly data: Counted & { readonly failedAt?: string | undefined } }) => {
    countCancelled(data, 1);
    if (data.failedAt !== undefined) count(data, 'failed', Date.parse(data.failedAt), -1);
  };

  const on: Handlers = {
    'message.accepted': ({ data }) => {
      for (const { endpointId } of data.destinations) of(data.organizationId, endpointId).total.routed++;
    },
    'delivery.attempt-succeeded': succeeded,
    'batch.attempt-succeeded': succeeded,
    'delivery.exhausted': exhausted,
    'batch.exhausted': exhausted,
    'delivery.cancelled': cancelled,
    'batch.cancelled': cancelled,
    'delivery.retry-requested': reopened,
    'batch.retry-requested': reopened,
    'delivery.replay-requested': (event) => {
      // With a message type, the replay begins the delivery.
      if (event.data.messageType === undefined) reopened(event);
      else of(event.data.organizationId, event.data.endpointId).total.routed++;
    },
    'batch.replay-requested': reopened,
  };
  return {
    on,
    async write(tx) {
      const all = [...increments.values()];
      const buckets = all.flatMap(({ byHour }) => [...byHour.values()]);
      const totals = all.map(({ total }) => total);
      await tx.add('success_buckets', ['endpoint_id', 'hour'], buckets);
      await tx.add('endpoint_totals', ['organization_id', 'endpoint_id'], totals);
    },
  };
};
