// The loaders of one operation: what many rows ask for singly is asked of the views once.
import DataLoader from 'dataloader';
import type { BatchId, DeliveryId, EndpointId, MessageId, OrganizationId, ReplayId } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { AttemptView, DeliveryView } from '../../read-models/queries/delivery-view.ts';
import type { EndpointView } from '../../read-models/queries/endpoint-queries.ts';
import type { MessageView } from '../../read-models/queries/message-queries.ts';
import type { ViewQueries } from '../../read-models/queries/view-queries.ts';
import type { ReplayView } from '../../read-models/queries/replay-queries.ts';
import type { SuccessRate, Window } from '../../read-models/queries/success-rate.ts';
import type { EndpointSource } from './endpoints/endpoint.types.ts';
import type { History } from './history/history.ts';

/** One answer per key, in the order of the keys. */
const byKey = <K, V>(keys: readonly K[], values: readonly V[], keyOf: (value: V) => K): (V | undefined)[] => {
  const found = new Map(values.map((value) => [keyOf(value), value]));
  return keys.map((key) => found.get(key));
};

const grouped = <K, V>(keys: readonly K[], values: readonly V[], keyOf: (value: V) => K): V[][] => {
  const groups = Map.groupBy(values, keyOf);
  return keys.map((key) => groups.get(key) ?? []);
};

const idOf = <I>({ id }: { readonly id: I }) => id;

export class Loaders {
  private readonly all: DataLoader<never, unknown>[] = [];
  private readonly rates = new Map<Window, DataLoader<EndpointId, SuccessRate | undefined>>();

  /** Deleted ones, too. */
  readonly endpoint: DataLoader<EndpointId, EndpointView | undefined>;
  readonly message: DataLoader<MessageId, MessageView | undefined>;
  readonly deliveriesOfMessage: DataLoader<MessageId, readonly DeliveryView[]>;
  readonly attempts: DataLoader<DeliveryId, readonly AttemptView[]>;
  readonly replay: DataLoader<ReplayId, ReplayView | undefined>;
  readonly accepted: DataLoader<MessageId, RecordedEvent<MessageEvent> | undefined>;
  /** What is in a batch, in order. */
  readonly inBatch: DataLoader<BatchId, readonly MessageId[]>;
  /** By `<endpoint id>@<revision>`. */
  readonly configuration: DataLoader<string, EndpointSource | undefined>;

  constructor(
    private readonly queries: Pick<ViewQueries, 'endpoints' | 'messages' | 'deliveries' | 'replays'>,
    history: History,
    private readonly organizationId: OrganizationId,
  ) {
    this.endpoint = this.loader(async (ids) => byKey(ids, await queries.endpoints.byIds(organizationId, ids), idOf));
    this.message = this.loader(async (ids) => byKey(ids, await queries.messages.byIds(organizationId, ids), idOf));
    this.deliveriesOfMessage = this.loader(async (ids) => {
      const deliveries = await queries.deliveries.ofMessages(organizationId, ids);
      return grouped(ids, deliveries, ({ messageId }) => messageId);
    });
    this.attempts = this.loader(async (ids) => {
      const attempts = await queries.deliveries.attemptsOf(organizationId, ids);
      return grouped(ids, attempts, ({ deliveryId }) => deliveryId);
    });
    this.replay = this.loader(async (ids) => byKey(ids, await queries.replays.byIds(organizationId, ids), idOf));
    this.accepted = this.loader((ids) => Promise.all(ids.map((id) => history.accepted(id))));
    this.inBatch = this.loader((ids) =>
      Promise.all(
        ids.map(async (id) => {
          const [closed] = await history.batchEvents(id);
          return closed?.type === 'batch.closed' ? closed.data.messages : [];
        }),
      ),
    );
    this.configuration = this.loader((keys) =>
      Promise.all(
        keys.map((key) => {
          const [id = '', revision] = key.split('@');
          return history.endpoint(id as EndpointId, { upTo: Number(revision) });
        }),
      ),
    );
  }

  successRate(window: Window): DataLoader<EndpointId, SuccessRate | undefined> {
    let rates = this.rates.get(window);
    if (!rates) {
      rates = this.loader(async (ids: readonly EndpointId[]) => {
        const found = await this.queries.endpoints.successRates(this.organizationId, ids, window);
        return ids.map((id) => found.get(id));
      });
      this.rates.set(window, rates);
    }
    return rates;
  }

  /** Forgets what was loaded: for an operation that goes on while things change. */
  clear(): void {
    for (const loader of this.all) loader.clearAll();
  }

  private loader<K, V>(load: (keys: readonly K[]) => Promise<V[]>): DataLoader<K, V> {
    const loader = new DataLoader<K, V>(load, { maxBatchSize: 500 });
    this.all.push(loader);
    return loader;
  }
}
