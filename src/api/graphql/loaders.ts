// The data loaders of one GraphQL operation: they load what many rows need with one query instead of one each.
import DataLoader from 'dataloader';
import type { BatchId, BulkRetryId, DeliveryId, EndpointId, MessageId, OrganizationId, ReplayId } from '../../domain/ids.ts';
import type { BatchEvent } from '../../domain/batch.ts';
import type { DeliveryEvent } from '../../domain/delivery.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { AttemptView, DeliveryView } from '../../read-models/queries/delivery-view.ts';
import { untried, type EndpointHealthView } from '../../read-models/queries/endpoint-health.ts';
import { noWork, type EndpointWork } from '../../read-models/queries/endpoint-work.ts';
import type { EndpointView } from '../../read-models/queries/endpoint-queries.ts';
import type { MessageOutcome } from '../../read-models/queries/message-outcomes.ts';
import type { MessageView } from '../../read-models/queries/message-queries.ts';
import type { OrganizationUse, OrganizationView } from '../../read-models/queries/organization-list.ts';
import type { ViewQueries } from '../../read-models/queries/view-queries.ts';
import type { BulkRetryView } from '../../read-models/queries/bulk-retry-queries.ts';
import type { ReplayView } from '../../read-models/queries/replay-queries.ts';
import type { SuccessRate, Window } from '../../read-models/queries/success-rate.ts';
import type { EndpointSnapshot, StreamQueries } from './history/stream-queries.ts';

/** One value per key, in the order of the keys. */
const inOrder = <K, V>(keys: readonly K[], values: readonly V[], keyOf: (value: V) => K): (V | undefined)[] => {
  const found = new Map(values.map((value) => [keyOf(value), value]));
  return keys.map((key) => found.get(key));
};

const grouped = <K, V>(keys: readonly K[], values: readonly V[], keyOf: (value: V) => K): V[][] => {
  const groups = Map.groupBy(values, keyOf);
  return keys.map((key) => groups.get(key) ?? []);
};

/** Somebody asked for the attempt of this number. */
export type AttemptRequest = { readonly attempt: number; readonly by: 'PERSON' | 'BULK_RETRY' | 'REPLAY' };

const requestsIn = (events: readonly RecordedEvent<DeliveryEvent | BatchEvent>[]): AttemptRequest[] =>
  events.flatMap(({ type, data }): AttemptRequest[] => {
    if (type === 'delivery.replay-requested' || type === 'batch.replay-requested') return [{ attempt: data.attempt, by: 'REPLAY' }];
    if (type !== 'delivery.retry-requested' && type !== 'batch.retry-requested') return [];
    return [{ attempt: data.attempt, by: data.bulkRetryId === undefined ? 'PERSON' : 'BULK_RETRY' }];
  });

type EndpointRevision = { readonly endpointId: EndpointId; readonly revision: number };

const usesNothing: OrganizationUse = { messagesLastDay: 0, waitingDeliveries: 0 };

const idOf = <I>({ id }: { readonly id: I }) => id;

export class Loaders {
  private readonly all: { clearAll(): unknown }[] = [];
  private readonly successRates = new Map<Window, DataLoader<EndpointId, SuccessRate | undefined>>();

  /** Includes deleted endpoints. */
  readonly endpoint: DataLoader<EndpointId, EndpointView | undefined>;
  readonly health: DataLoader<EndpointId, EndpointHealthView>;
  readonly work: DataLoader<EndpointId, EndpointWork>;
  readonly lastAttempt: DataLoader<EndpointId, { readonly attempt: AttemptView; readonly deliveryId: DeliveryId } | undefined>;
  readonly message: DataLoader<MessageId, MessageView | undefined>;
  readonly outcome: DataLoader<MessageId, MessageOutcome | undefined>;
  readonly delivery: DataLoader<DeliveryId, DeliveryView | undefined>;
  readonly deliveriesOfMessage: DataLoader<MessageId, readonly DeliveryView[]>;
  readonly attempts: DataLoader<DeliveryId, readonly AttemptView[]>;
  readonly lastAttemptOfDelivery: DataLoader<DeliveryId, AttemptView | undefined>;
  /** The requests for attempts of the delivery or, if it is in a closed batch, of the batch. */
  readonly requestsFor: DataLoader<DeliveryView, readonly AttemptRequest[], DeliveryId>;
  readonly replay: DataLoader<ReplayId, ReplayView | undefined>;
  readonly organization: DataLoader<OrganizationId, OrganizationView | undefined>;
  readonly organizationUse: DataLoader<OrganizationId, OrganizationUse>;
  readonly bulkRetry: DataLoader<BulkRetryId, BulkRetryView | undefined>;
  readonly messageAccepted: DataLoader<MessageId, RecordedEvent<MessageEvent> | undefined>;
  /** In the order of the batch; empty while it is still open. */
  readonly messagesOfBatch: DataLoader<BatchId, readonly MessageId[]>;
  readonly endpointAtRevision: DataLoader<EndpointRevision, EndpointSnapshot | undefined, string>;

  /** Long, as it has a line or two for each loader. */
  constructor(
    private readonly queries: Pick<ViewQueries, 'endpoints' | 'messages' | 'deliveries' | 'replays' | 'bulkRetries' | 'organizationList'>,
    streams: StreamQueries,
    private readonly organizationId: OrganizationId,
  ) {
    this.endpoint = this.loader(async (ids) => inOrder(ids, await queries.endpoints.byIds(organizationId, ids), idOf));
    this.health = this.loader(async (ids) => {
      const found = await queries.endpoints.health(organizationId, ids);
      return ids.map((id) => found.get(id) ?? untried);
    });
    this.work = this.loader(async (ids) => {
      const found = await queries.endpoints.work(organizationId, ids);
      return ids.map((id) => found.get(id) ?? noWork);
    });
    this.lastAttempt = this.loader(async (ids) => {
      const found = await queries.endpoints.lastAttempts(organizationId, ids);
      return ids.map((id) => found.get(id));
    });
    this.message = this.loader(async (ids) => inOrder(ids, await queries.messages.byIds(organizationId, ids), idOf));
    this.outcome = this.loader(async (ids) => {
      const found = await queries.messages.outcomes(organizationId, ids);
      return ids.map((id) => found.get(id));
    });
    this.delivery = this.loader(async (ids) => inOrder(ids, await queries.deliveries.byIds(organizationId, ids), idOf));
    this.deliveriesOfMessage = this.loader(async (ids) => {
      const deliveries = await queries.deliveries.ofMessages(organizationId, ids);
      return grouped(ids, deliveries, ({ messageId }) => messageId);
    });
    this.attempts = this.loader(async (ids) => {
      const attempts = await queries.deliveries.attemptsOf(organizationId, ids);
      return grouped(ids, attempts, ({ deliveryId }) => deliveryId);
    });
    this.lastAttemptOfDelivery = this.loader(async (ids) => {
      const found = await queries.deliveries.lastAttempts(organizationId, ids);
      return ids.map((id) => found.get(id));
    });
    this.requestsFor = this.loader(
      (deliveries) =>
        Promise.all(
          deliveries.map(async ({ id, batch }) => requestsIn(await (batch ? streams.batchEvents(batch.id) : streams.deliveryEvents(id)))),
        ),
      ({ id }) => id,
    );
    this.replay = this.loader(async (ids) => inOrder(ids, await queries.replays.byIds(organizationId, ids), idOf));
    this.organization = this.loader(async (ids) => inOrder(ids, await queries.organizationList.byIds(ids), idOf));
    this.organizationUse = this.loader(async (ids) => {
      const found = await queries.organizationList.usage(ids);
      return ids.map((id) => found.get(id) ?? usesNothing);
    });
    this.bulkRetry = this.loader(async (ids) => inOrder(ids, await queries.bulkRetries.byIds(organizationId, ids), idOf));
    this.messageAccepted = this.loader((ids) => Promise.all(ids.map((id) => streams.messageAccepted(id))));
    this.messagesOfBatch = this.loader((ids) =>
      Promise.all(
        ids.map(async (id) => {
          const [closed] = await streams.batchEvents(id);
          return closed?.type === 'batch.closed' ? closed.data.messages : [];
        }),
      ),
    );
    this.endpointAtRevision = this.loader(
      (keys) => Promise.all(keys.map(({ endpointId, revision }) => streams.endpoint(endpointId, { revision }))),
      ({ endpointId, revision }) => `${endpointId}@${revision}`,
    );
  }

  successRate(window: Window): DataLoader<EndpointId, SuccessRate | undefined> {
    let rates = this.successRates.get(window);
    if (!rates) {
      rates = this.loader(async (ids: readonly EndpointId[]) => {
        const found = await this.queries.endpoints.successRates(this.organizationId, ids, window);
        return ids.map((id) => found.get(id));
      });
      this.successRates.set(window, rates);
    }
    return rates;
  }

  /** Forgets everything loaded so far. A subscription calls it, because it goes on while the views change. */
  clear(): void {
    for (const loader of this.all) loader.clearAll();
  }

  private loader<K, V, C = K>(load: (keys: readonly K[]) => Promise<V[]>, cacheKeyFn?: (key: K) => C): DataLoader<K, V, C> {
    const loader = new DataLoader<K, V, C>(load, { maxBatchSize: 500, ...(cacheKeyFn && { cacheKeyFn }) });
    this.all.push(loader);
    return loader;
  }
}
