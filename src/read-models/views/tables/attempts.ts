// The table of attempts, of deliveries and of batches.
import type { FailureReason } from '../../../domain/attempts.ts';
import type { Position } from '../../../domain/ids.ts';
import { idIn } from '../../../domain/streams.ts';
import type { AttemptedViewEvent } from '../view-event.ts';
import type { Reducer } from './reducer.ts';
import type { Table } from './table.ts';

type AttemptRow = {
  /** Of its delivery or batch. So attempts stand in the order of the log, not in that of random ids. */
  sequence: number;
  number: number;
  position: Position;
  response_code: number | null;
  failure: FailureReason | null;
  /** JSON of what the event recorded, except whose attempt it is. */
  detail: string;
};

export const attempts: Table<AttemptRow> = {
  columns: {
    sequence: 'int64',
    number: 'integer',
    position: 'text',
    response_code: 'integer?',
    failure: 'text?',
    detail: 'text',
  },
  primaryKey: ['sequence', 'number'],
};

/** @param sequenceOf of a delivery or batch that has changed in this batch of events, once those are written */
export const reduceAttempts = (sequenceOf: (id: string) => number | undefined): Reducer => {
  const events: AttemptedViewEvent[] = [];
  const add = (event: AttemptedViewEvent) => events.push(event);
  return {
    on: {
      'delivery.attempt-succeeded': add,
      'delivery.attempt-failed': add,
      'batch.attempt-succeeded': add,
      'batch.attempt-failed': add,
    },
    async write(tx) {
      const rows: AttemptRow[] = [];
      for (const { stream, position, data, detail } of events) {
        const sequence = sequenceOf(idIn(stream));
        if (sequence === undefined) continue;
        const { attempt, responseCode, failure } = data;
        rows.push({ sequence, number: attempt, position, response_code: responseCode ?? null, failure: failure ?? null, detail });
      }
      await tx.insert('attempts', rows);
    },
  };
};
