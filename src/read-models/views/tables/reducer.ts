// A reducer: takes the events of a batch one by one, in memory, and then writes what they change in its tables with few bulk statements.
import type { EventName } from '../../../domain/catalog.ts';
import type { Transaction } from '../../engine/database/database.ts';
import type { ViewsSchema } from '../schema.ts';
import type { ViewEvent } from '../view-event.ts';

type OfType<T extends EventName> = Extract<ViewEvent, { readonly type: T }>;

/** By event type. A reducer is not called for other events. */
export type Handlers = { readonly [T in EventName]?: (event: OfType<T>) => void };

/** Made for one batch. A change to its rows depends on events and rows only, so it does not matter how the log is cut into batches. */
export type Reducer = {
  readonly on: Handlers;
  write(tx: Transaction<ViewsSchema>): Promise<void>;
};

/** The same handler for all events of an aggregate. */
export const onEach = <T extends EventName>(events: Readonly<Record<T, unknown>>, handler: (event: OfType<T>) => void): Handlers =>
  Object.fromEntries(Object.keys(events).map((type) => [type, handler]));

/** All handlers of an event type, in the order of the reducers. */
export const handlersByType = (reducers: readonly Reducer[]): ReadonlyMap<string, readonly ((event: ViewEvent) => void)[]> => {
  const handlers = new Map<string, ((event: ViewEvent) => void)[]>();
  for (const { on } of reducers)
    for (const [type, handler] of Object.entries(on)) {
      const handle = handler as (event: ViewEvent) => void; // `Handlers` pairs each type with its events
      const others = handlers.get(type);
      if (others) others.push(handle);
      else handlers.set(type, [handle]);
    }
  return handlers;
};
