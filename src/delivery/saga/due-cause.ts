// What an event causes names it, and the request behind it.
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { DueCause } from './saga-commands.ts';

export const dueCauseOf = ({ id, metadata: { correlationId } }: Pick<RecordedEvent, 'id' | 'metadata'>): DueCause => ({
  causationId: id,
  ...(correlationId === undefined ? {} : { correlationId }),
});
