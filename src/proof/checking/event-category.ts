// Narrows an event to those of one aggregate: their types begin with the category of its streams.
import type { Category } from '../../domain/streams.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';

export type EventOf<C extends Category> = Extract<RecordedEvent, { type: `${C}.${string}` }>;

export const isEventOf = <C extends Category>(event: RecordedEvent, category: C): event is EventOf<C> =>
  event.type.startsWith(category) && event.type[category.length] === '.';
