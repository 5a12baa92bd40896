// The timeline of a message in lanes: what concerns the message as a whole, and below it one lane for each endpoint. Pure.
export type Entry = {
  readonly at: string;
  readonly text: string;
  readonly event: { readonly id: string; readonly type: string; readonly position: string };
  readonly delivery: { readonly id: string } | null;
};
type Delivery = { readonly id: string; readonly status: string; readonly endpoint: { readonly name: string } };
export type Lanes<D> = {
  readonly common: readonly Entry[];
  readonly lanes: readonly { readonly delivery: D; readonly entries: readonly Entry[] }[];
};

/** Those that need somebody first. */
const order = ['FAILED', 'RETRYING', 'HELD', 'PENDING', 'CANCELLED', 'SUCCEEDED'];
const rankOf = ({ status }: Delivery): number => order.indexOf(status);

export const lanesOf = <D extends Delivery>(deliveries: readonly D[], timeline: readonly Entry[]): Lanes<D> => {
  const byDelivery = Map.groupBy(timeline, ({ delivery }) => delivery?.id);
  const lanes = deliveries
    .toSorted((a, b) => rankOf(a) - rankOf(b) || a.endpoint.name.localeCompare(b.endpoint.name))
    .map((delivery) => ({ delivery, entries: byDelivery.get(delivery.id) ?? [] }));
  return { common: byDelivery.get(undefined) ?? [], lanes };
};

export type Look = 'good' | 'bad' | 'again' | 'held' | 'plain';

/** How an entry is marked, by the type of its event. */
export const lookOf = (eventType: string): Look => {
  const name = eventType.slice(eventType.indexOf('.') + 1);
  if (name === 'attempt-succeeded' || name === 'resumed' || name === 'enabled') return 'good';
  if (name === 'attempt-failed' || name === 'exhausted') return 'bad';
  if (name === 'retry-requested' || name === 'replay-requested') return 'again';
  if (name === 'paused' || name === 'disabled') return 'held';
  return 'plain';
};
