// The table of endpoints' health: the circuit of each endpoint to which there was an attempt.
import {
  circuitChangeOf,
  circuitChanges,
  closedCircuit,
  evolveCircuit,
  outcomeOf,
  type Circuit,
  type CircuitEvent,
  type HealthState,
} from '../../../domain/circuit.ts';
import type { EndpointId, OrganizationId } from '../../../domain/ids.ts';
import { endpointIdIn, idIn } from '../../../domain/streams.ts';
import type { AttemptedViewEvent } from '../view-event.ts';
import { onEach, type Reducer } from './reducer.ts';
import { momentOf, type Milliseconds, type Table } from './table.ts';

type EndpointHealthRow = {
  endpoint_id: EndpointId;
  organization_id: OrganizationId;
  state: HealthState;
  since: Milliseconds | null;
  consecutive_failures: number;
  failing_since: Milliseconds | null;
  failing_ms: number;
  opened_ms: number | null;
  next_probe_at: Milliseconds | null;
  failed_probes: number;
  last_error: string | null;
  last_success_at: Milliseconds | null;
  last_attempt_at: Milliseconds | null;
  dead_since: Milliseconds | null;
  receiver_revision: number | null;
  /** Of the delivery or batch whose attempt was recorded last. */
  last_attempt_sequence: number | null;
  last_attempt_number: number | null;
};

export const endpointHealth: Table<EndpointHealthRow> = {
  columns: {
    endpoint_id: 'text',
    organization_id: 'text',
    state: 'text',
    since: 'int64?',
    consecutive_failures: 'integer',
    failing_since: 'int64?',
    failing_ms: 'int64',
    opened_ms: 'int64?',
    next_probe_at: 'int64?',
    failed_probes: 'integer',
    last_error: 'text?',
    last_success_at: 'int64?',
    last_attempt_at: 'int64?',
    dead_since: 'int64?',
    receiver_revision: 'integer?',
    last_attempt_sequence: 'int64?',
    last_attempt_number: 'integer?',
  },
  primaryKey: ['endpoint_id'],
  indexes: [{ columns: ['organization_id', 'state', 'since', 'endpoint_id'], queriesOnly: true }],
};

/** `organizationId` undefined: of a change, which says nothing about an endpoint without attempts. */
type Changes = {
  organizationId: OrganizationId | undefined;
  readonly events: CircuitEvent[];
  /** The id of the delivery or batch, and the number of the attempt. */
  lastAttempt?: { readonly id: string; readonly number: number };
};

/** @param sequenceOf of a delivery or batch that has changed in this batch of events, once those are written */
export const reduceEndpointHealth = (sequenceOf: (id: string) => number | undefined): Reducer => {
  const changed = new Map<EndpointId, Changes>();
  const of = (id: EndpointId): Changes => {
    let found = changed.get(id);
    if (!found) changed.set(id, (found = { organizationId: undefined, events: [] }));
    return found;
  };
  const attempted = ({ stream, data }: AttemptedViewEvent) => {
    const changes = of(data.endpointId);
    changes.organizationId = data.organizationId;
    changes.lastAttempt = { id: idIn(stream), number: data.attempt };
    const event: CircuitEvent = {
      type: 'attempt',
      outcome: outcomeOf(data, data.error === undefined ? undefined : { ...data, error: data.error }),
    };
    // Of successes in a row, the first and the last count.
    const [first, last] = changes.events.slice(-2);
    if (first && last && [first, last, event].every(isSuccess)) changes.events.pop();
    changes.events.push(event);
  };
  return {
    on: {
      'delivery.attempt-succeeded': attempted,
      'delivery.attempt-failed': attempted,
      'batch.attempt-succeeded': attempted,
      'batch.attempt-failed': attempted,
      ...onEach(circuitChanges, ({ type, stream, recordedAt, revision }) => {
        const change = circuitChangeOf(type, momentOf(recordedAt), revision);
        if (change) of(endpointIdIn(stream)).events.push(change);
      }),
    },
    async write(tx) {
      if (changed.size === 0) return;
      const earlier = await tx.kysely
        .selectFrom('endpoint_health')
        .selectAll()
        .where('endpoint_id', 'in', [...changed.keys()])
        .execute();
      const before = new Map(earlier.map((row) => [row.endpoint_id, row]));
      const rows = Array.from(changed, ([id, { organizationId, events, lastAttempt }]) => {
        const row = before.get(id);
        const organization = organizationId ?? row?.organization_id;
        if (organization === undefined) return undefined;
        const sequence = lastAttempt && sequenceOf(lastAttempt.id);
        return {
          ...rowOf(id, organization, events.reduce(evolveCircuit, row ? circuitOf(row) : closedCircuit)),
          last_attempt_sequence: sequence ?? row?.last_attempt_sequence ?? null,
          last_attempt_number: (sequence !== undefined ? lastAttempt?.number : row?.last_attempt_number) ?? null,
        };
      });
      await tx.upsert(
        'endpoint_health',
        ['endpoint_id'],
        rows.filter((row) => row !== undefined),
      );
    },
  };
};

const isSuccess = (event: CircuitEvent) => event.type === 'attempt' && event.outcome.error === null;

const circuitOf = (row: EndpointHealthRow): Circuit => ({
  state: row.state,
  since: row.since,
  consecutiveFailures: row.consecutive_failures,
  failingSince: row.failing_since,
  failingMs: row.failing_ms,
  openedMs: row.opened_ms,
  nextProbeAt: row.next_probe_at,
  failedProbes: row.failed_probes,
  lastError: row.last_error,
  lastSuccessAt: row.last_success_at,
  lastAttemptAt: row.last_attempt_at,
  deadSince: row.dead_since,
  receiverRevision: row.receiver_revision,
});

const rowOf = (
  id: EndpointId,
  organizationId: OrganizationId,
  circuit: Circuit,
): Omit<EndpointHealthRow, 'last_attempt_sequence' | 'last_attempt_number'> => ({
  endpoint_id: id,
  organization_id: organizationId,
  state: circuit.state,
  since: circuit.since,
  consecutive_failures: circuit.consecutiveFailures,
  failing_since: circuit.failingSince,
  failing_ms: circuit.failingMs,
  opened_ms: circuit.openedMs,
  next_probe_at: circuit.nextProbeAt,
  failed_probes: circuit.failedProbes,
  last_error: circuit.lastError,
  last_success_at: circuit.lastSuccessAt,
  last_attempt_at: circuit.lastAttemptAt,
  dead_since: circuit.deadSince,
  receiver_revision: circuit.receiverRevision,
});
