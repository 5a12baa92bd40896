// Attempts that failed, one row for each delivery that they were of: what figures on failures are counted from. Without tests.
import type { FailureReason } from '../../../domain/attempts.ts';
import type { EndpointId, OrganizationId } from '../../../domain/ids.ts';
import { idIn } from '../../../domain/streams.ts';
import type { AttemptedViewEvent } from '../view-event.ts';
import type { MembersOf } from './deliveries.ts';
import type { Reducer } from './reducer.ts';
import type { Milliseconds, Table } from './table.ts';

type FailedAttemptRow = {
  /** Of the delivery. */
  sequence: number;
  number: number;
  organization_id: OrganizationId;
  endpoint_id: EndpointId;
  event_type: string;
  failure: FailureReason;
  response_code: number | null;
  failed_at: Milliseconds;
};

export const failedAttempts: Table<FailedAttemptRow> = {
  columns: {
    sequence: 'int64',
    number: 'integer',
    organization_id: 'text',
    endpoint_id: 'text',
    event_type: 'text',
    failure: 'text',
    response_code: 'integer?',
    failed_at: 'int64',
  },
  primaryKey: ['sequence', 'number'],
  indexes: [
    { columns: ['organization_id', 'failed_at'], queriesOnly: true },
    { columns: ['endpoint_id', 'failed_at'], queriesOnly: true },
    { columns: ['organization_id', 'event_type', 'failed_at'], queriesOnly: true },
  ],
};

export const reduceFailedAttempts = (membersOf: MembersOf): Reducer => {
  const events: AttemptedViewEvent[] = [];
  const add = (event: AttemptedViewEvent) => {
    if (!event.data.test) events.push(event);
  };
  return {
    on: { 'delivery.attempt-failed': add, 'batch.attempt-failed': add },
    async write(tx) {
      if (events.length === 0) return;
      const members = await membersOf(tx, Array.from(new Set(events.map(({ stream }) => idIn(stream)))));
      const rows: FailedAttemptRow[] = [];
      for (const { stream, data } of events) {
        const { organizationId, endpointId, attempt, startedAt, durationMs, failure, responseCode } = data;
        if (failure === undefined) continue;
        for (const { sequence, type } of members.get(idIn(stream)) ?? [])
          rows.push({
            sequence,
            number: attempt,
            organization_id: organizationId,
            endpoint_id: endpointId,
            event_type: type,
            failure,
            response_code: responseCode ?? null,
            failed_at: Date.parse(startedAt) + Math.round(durationMs),
          });
      }
      await tx.insert('failed_attempts', rows);
    },
  };
};
