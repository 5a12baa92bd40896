// Replica notices: what replicas tell each other about due attempts and slots. A notice may be lost: tables hold the truth, leases run out.
import { closedCircuit } from '../../domain/circuit.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { Tables, Transaction } from '../../read-models/engine/database/database.ts';
import { HoldEndpoint, type DeliveryOrBatchId } from '../saga/saga-commands.ts';
import type { CircuitGate } from './circuit-gates.ts';
import type { DueAttemptsListener } from './due-attempts.ts';
import type { DueAttemptsSchema } from './due-attempts-table.ts';

/** Replicas of several versions send these to each other, so the names stay. An empty notice: anything may be due. */
export type ReplicaNotice = {
  /** These endpoints have due attempts. */
  readonly due?: readonly EndpointId[];
  /** A person waits for some of them. */
  readonly urgent?: boolean;
  /** The next attempt becomes due then, by the shared clock. */
  readonly next?: number;
  /** These were cancelled; `from` is their endpoint. */
  readonly withdrawn?: readonly DeliveryOrBatchId[];
  readonly from?: EndpointId;
  /** Receivers want no requests to these endpoints before that time, for so many milliseconds in all; the revision of the URL that they are at. */
  readonly held?: readonly (readonly [EndpointId, number, number, number?])[];
  /** Circuits that changed. */
  readonly gates?: readonly CircuitGate[];
  /** Slots of these endpoints were given back. */
  readonly free?: readonly EndpointId[];
  /** The sender has no slot of these endpoints, and attempts to send. */
  readonly lacking?: readonly EndpointId[];
  /** The leader's clock: see shared-clock.ts. */
  readonly clock?: number;
  /** The sender does not know the clock yet. */
  readonly clockWanted?: boolean;
};

/** That fit into a notice: PostgreSQL takes 8,000 bytes. */
const maxIds = 100;

/** The ids in parts, each of which fits into one notice. */
export const noticeParts = <T>(ids: readonly T[]): (readonly T[])[] =>
  Array.from({ length: Math.ceil(ids.length / maxIds) }, (_, i) => ids.slice(i * maxIds, (i + 1) * maxIds));

/** A circuit takes about 400 bytes, without the text of its error. */
const maxGates = 15;

export const noticesOfGates = (gates: readonly CircuitGate[]): ReplicaNotice[] => {
  const short = gates.map(({ circuit, ...gate }) => ({ ...gate, circuit: { ...circuit, lastError: null } }));
  return Array.from({ length: Math.ceil(short.length / maxGates) }, (_, i) => ({ gates: short.slice(i * maxGates, (i + 1) * maxGates) }));
};

/** @param tx sends once it commits */
export const sendNotice = async (
  { group }: Tables<DueAttemptsSchema>,
  notice: ReplicaNotice,
  tx?: Transaction<DueAttemptsSchema>,
): Promise<void> => {
  await group?.broadcast(JSON.stringify(notice), tx);
};

/** @param text undefined: notices may have been missed */
export const readNotice = (text = '{}'): ReplicaNotice => JSON.parse(text) as ReplicaNotice; // a replica sent it

export const passOnNotice = (notice: ReplicaNotice, listener: DueAttemptsListener): void => {
  const { due, urgent, next, withdrawn, from, held, gates, free, lacking } = notice;
  if (withdrawn && from) listener.attemptsCancelled(from, withdrawn);
  else if (held) listener.endpointsHeld(held.map(([id, until, holdMs, revision = 0]) => new HoldEndpoint(id, until, holdMs, revision)));
  else if (gates) listener.circuitsChanged(gates.map((gate) => ({ ...gate, circuit: { ...closedCircuit, ...gate.circuit } })));
  else if (free) listener.slotsFreed(free);
  else if (lacking) listener.slotsWanted(lacking);
  else if (due || next) listener.attemptsDue(due ?? [], next, urgent);
  else listener.checkAllLanes();
};
