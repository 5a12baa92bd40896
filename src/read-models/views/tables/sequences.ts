// Sequences: the numbers that messages, deliveries and batches are ordered by. They rise with the log and are roughly microseconds since 1970.
import type { DomainEvent } from '../../../domain/catalog.ts';
import type { Transaction } from '../../engine/database/database.ts';
import type { ViewsSchema } from '../schema.ts';
import type { ViewEvent } from '../view-event.ts';
import { momentOf } from './table.ts';

const sequencesPerMillisecond = 1000;
/** The lowest sequence of what is accepted at this time or later. */
export const sequenceAt = (milliseconds: number) => milliseconds * sequencesPerMillisecond;

/** Gives each event its sequence. A message takes one for each of its deliveries, and at least one. */
export class Sequences {
  private event: ViewEvent | undefined;
  private sequence = 0;

  /** @param next the first sequence that is free */
  constructor(public next: number) {}

  /** Call it before the next event comes; reducers that ask for the same event get the same answer. */
  of(event: ViewEvent): number {
    if (event !== this.event) {
      this.event = event;
      this.sequence = Math.max(this.next, sequenceAt(momentOf(event.recordedAt)));
      this.next = this.sequence + (event.type === 'message.accepted' ? Math.max(event.data.destinations.length, 1) : 1);
    }
    return this.sequence;
  }
}

/** The events that take sequences. */
const numbered = new Set<string>(['message.accepted', 'batch.closed', 'delivery.replay-requested'] satisfies DomainEvent['type'][]);

/** The first free sequence, from the tables; 0 if the batch needs none. */
export const nextSequence = async (batch: readonly ViewEvent[], { kysely }: Transaction<ViewsSchema>): Promise<number> => {
  if (!batch.some(({ type }) => numbered.has(type))) return 0;
  const message = await kysely
    .selectFrom('messages')
    .select(['sequence', 'destinations'])
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  const lastBatch = await kysely.selectFrom('batches').select('sequence').orderBy('sequence', 'desc').limit(1).executeTakeFirst();
  // The deliveries that replays added have sequences of their own.
  const delivery = await kysely.selectFrom('deliveries').select('sequence').orderBy('sequence', 'desc').limit(1).executeTakeFirst();
  return Math.max(
    message ? message.sequence + Math.max(message.destinations, 1) : 0,
    lastBatch ? lastBatch.sequence + 1 : 0,
    delivery ? delivery.sequence + 1 : 0,
  );
};
