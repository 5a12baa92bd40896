// Circuit gates: the endpoints whose last attempt failed, in a table beside the due attempts. It is folded from the log, in the saga's transactions.
// A restart and replicas read from it which circuits are open, and when the next probe may go.
import { sql, type Kysely } from 'kysely';
import { closedCircuit, evolveCircuit, type Circuit, type CircuitEvent } from '../../domain/circuit.ts';
import { parseJson } from '../../domain/exact-number.ts';
import type { BatchId, EndpointId, MessageId } from '../../domain/ids.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import type { DueCause } from '../saga/saga-commands.ts';
import type { DueAttemptsSchema } from './due-attempts-table.ts';
import { dueTimeOf, type Learned } from './due-time.ts';

type Db = Kysely<DueAttemptsSchema>;

/** What an event does to an endpoint's circuit. `at`: when, by the recorded times. */
export type CircuitStep = {
  readonly endpointId: EndpointId;
  readonly event: CircuitEvent;
  readonly at: number;
  readonly learned: Learned;
  /** Of an attempt. */
  readonly origin?: AttemptOrigin;
};

/** The event of an attempt. `carrier`: its message or batch. */
type AttemptOrigin = {
  readonly carrier: MessageId | BatchId;
  readonly endpointRevision: number;
  readonly cause: DueCause;
};

/** What a step did to the circuit. */
export type CircuitTransition = { readonly step: CircuitStep; readonly before: Circuit; readonly after: Circuit };

/** A circuit as the log has it. `probeAt`: when the next probe may go, by the clock of the due attempts; null: it is not open. */
export type CircuitGate = { readonly endpointId: EndpointId; readonly circuit: Circuit; readonly probeAt: number | null };

/** All that are not healthy. @param ids of these endpoints only */
export const circuitGatesIn = async (db: Db, ids?: readonly EndpointId[]): Promise<readonly CircuitGate[]> => {
  const all = db.selectFrom('circuits').selectAll();
  return (await (ids ? all.where('endpoint_id', 'in', ids) : all).execute()).map(gateOf);
};

/** Folds steps into the table. It holds no row for an endpoint whose last attempt succeeded, unless its URL was changed after that. */
export class CircuitGates {
  /** All that have a row, and perhaps some that had one. Undefined: not read yet. */
  private listed: Set<EndpointId> | undefined;
  private closed: EndpointId[] = [];

  /** Other tables, or another writer of them, come next. */
  forget(): void {
    this.listed = undefined;
    this.closed = [];
  }

  /** The transaction of the last `apply` has committed. */
  committed(): void {
    for (const id of this.closed) this.listed?.delete(id);
    this.closed = [];
  }

  /** @returns the circuits that changed, one for each endpoint, and how they came to that */
  async apply(
    steps: readonly CircuitStep[],
    tx: Transaction<DueAttemptsSchema>,
  ): Promise<{ readonly gates: readonly CircuitGate[]; readonly transitions: readonly CircuitTransition[] }> {
    this.closed = [];
    if (steps.length === 0) return nothing;
    const listed = (this.listed ??= new Set((await circuitGatesIn(tx.kysely)).map(({ endpointId }) => endpointId)));
    const inNews = new Set(steps.filter(isNews).map(({ endpointId }) => endpointId));
    const relevant = steps.filter(({ endpointId }) => listed.has(endpointId) || inNews.has(endpointId));
    if (relevant.length === 0) return nothing;
    const ids = [...new Set(relevant.map(({ endpointId }) => endpointId))];
    const rows = await tx.kysely.selectFrom('circuits').selectAll().where('endpoint_id', 'in', ids).execute();
    const gates = new Map(rows.map((row) => [row.endpoint_id, gateOf(row)]));
    const transitions = relevant.flatMap((step): readonly CircuitTransition[] => {
      const last = gates.get(step.endpointId);
      // Nothing is kept of a healthy endpoint, so the rows don't depend on how the log is cut into transactions.
      const before = last && isKept(last) ? last : undefined;
      if (!before && !isNews(step)) return [];
      const gate = evolveGate(before, step);
      gates.set(step.endpointId, gate);
      return [{ step, before: before?.circuit ?? closedCircuit, after: gate.circuit }];
    });
    const changed = [...gates.values()];
    const kept = changed.filter(isKept);
    for (const { endpointId } of kept) listed.add(endpointId);
    this.closed = changed.filter((gate) => !kept.includes(gate)).map(({ endpointId }) => endpointId);
    await tx.upsert('circuits', ['endpoint_id'], kept.map(rowOf));
    await tx.delete('circuits', 'endpoint_id', this.closed);
    return { gates: changed, transitions };
  }
}

const nothing = { gates: [], transitions: [] };

const isKept = ({ circuit }: CircuitGate) => circuit.consecutiveFailures > 0 || circuit.receiverRevision !== null;
/** A step that says something of an endpoint that was healthy. */
const isNews = ({ event }: CircuitStep) => event.type === 'moved' || (event.type === 'attempt' && event.outcome.error !== null);

const evolveGate = (before: CircuitGate | undefined, { endpointId, event, at, learned }: CircuitStep): CircuitGate => {
  const circuit = evolveCircuit(before?.circuit ?? closedCircuit, event);
  const { nextProbeAt } = circuit;
  if (nextProbeAt === null) return { endpointId, circuit, probeAt: null };
  if (before && before.circuit.nextProbeAt === nextProbeAt) return { endpointId, circuit, probeAt: before.probeAt };
  return { endpointId, circuit, probeAt: dueTimeOf(nextProbeAt, Math.max(0, nextProbeAt - at), learned) };
};

const gateOf = ({ endpoint_id, circuit, probe_at }: DueAttemptsSchema['circuits']): CircuitGate => ({
  endpointId: endpoint_id,
  circuit: parseJson(circuit) as Circuit, // as `rowOf` wrote it
  probeAt: probe_at,
});

const rowOf = ({ endpointId, circuit, probeAt }: CircuitGate): DueAttemptsSchema['circuits'] => ({
  endpoint_id: endpointId,
  circuit: JSON.stringify(circuit),
  probe_at: probeAt,
  probing_until: null,
});

/** A lane counts from when the attempt ended, and the table from when the leader learned of it, which is a little later. */
const tolerableMs = 1_000;

/** Among replicas, one makes the probe. @returns whether this one may, for `ms` */
export const takeProbe = async (id: EndpointId, ms: number, now: number, db: Db): Promise<boolean> => {
  const { rows } = await sql`
    UPDATE circuits SET probing_until = ${now + ms} WHERE endpoint_id = ${id} AND probe_at <= ${now + tolerableMs}
    AND (probing_until IS NULL OR probing_until <= ${now}) RETURNING endpoint_id`.execute(db);
  return rows.length > 0;
};
