// Due attempts: what must be sent, and when. The table is the truth for all attempts that are not in memory, for later, and for the next start;
// a million of them cost rows, not memory.
import type { EndpointId } from '../../domain/ids.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import type { DeliveryProgress } from '../saga/delivery-progress.ts';
import type { ChangeReceiver, DeliveryOrBatchId, HoldEndpoint, ReleaseEndpoint, ScheduleAttempt } from '../saga/saga-commands.ts';
import type { CircuitGate } from './circuit-gates.ts';
import type { DueAttemptsSchema, TurnsOf } from './due-attempts-table.ts';

/** What the table needs of the dispatcher, and tells it. */
export type DueAttemptsListener = {
  /** Whether exactly this attempt is queued here, in flight, or recorded at a position that the table does not show yet. */
  readonly isTracked: (attempt: Pick<ScheduleAttempt, 'id' | 'attempt' | 'subject'>) => boolean;
  /** These endpoints may have due attempts, urgent ones also if it says so; and when the next attempt becomes due. */
  readonly attemptsDue: (endpoints: readonly EndpointId[], nextAt: number | undefined, isUrgent?: boolean) => void;
  /** Any endpoint may have due attempts. */
  readonly checkAllLanes: () => void;
  /** A person cancelled them. */
  readonly attemptsCancelled: (endpointId: EndpointId, ids: readonly DeliveryOrBatchId[]) => void;
  /** Receivers want no requests to these endpoints for a while. */
  readonly endpointsHeld: (holds: readonly HoldEndpoint[]) => void;
  /** Circuits as the log has them now. */
  readonly circuitsChanged: (gates: readonly CircuitGate[]) => void;
  /** Another replica has given back slots of these endpoints. */
  readonly slotsFreed: (endpoints: readonly EndpointId[]) => void;
  /** Another replica has no slot of these endpoints, and attempts to send. */
  readonly slotsWanted: (endpoints: readonly EndpointId[]) => void;
};

export type ClaimRequest = {
  readonly limit: number;
  /** A paused or disabled endpoint gets nothing but tests, and one whose lane is held, or its circuit open, what is urgent. */
  readonly only?: 'tests' | 'urgent' | undefined;
  /** The attempts that the lane has in memory. */
  readonly tracked: { readonly size: number };
};

/** `more`: there may be more of them. */
export type ClaimResult = { readonly attempts: readonly ScheduleAttempt[]; readonly more: boolean };

export type DueEndpoints = {
  readonly endpoints: readonly EndpointId[];
  /** Those of them whose due attempts a person waits for. */
  readonly urgent: readonly EndpointId[];
  /** The table was searched up to here. Search from here the next time. */
  readonly until: number;
  /** When the next attempt becomes due. */
  readonly nextAt: number | undefined;
};

/** The port: the saga host writes due attempts, and the dispatcher claims them. */
export interface DueAttempts {
  /** Other replicas claim attempts, too, so a lane claims only what it can send soon. */
  readonly isShared: boolean;
  /** The clock that due times are made of. Nobody can set it, and it never goes back. Milliseconds, about those since 1970. */
  now(): number;
  attach(taker: DueAttemptsListener): void;

  /** Attempts may be offered to the dispatcher before they are in the table: no other replica can be doing so. */
  readonly mayOffer: boolean;

  // ── For the saga host, within its transactions ──

  /** Whether replicas may claim attempts. */
  allowClaims(allowed: boolean, tx: Transaction<DueAttemptsSchema>): Promise<void>;
  /** The rows may have been written by another clock: from now on, none waits longer than its delay. */
  limitWaits(tx: Transaction<DueAttemptsSchema>): Promise<void>;
  /** Another replica may write the table now. */
  termLost(): void;
  schedule(attempts: readonly ScheduleAttempt[], tx: Transaction<DueAttemptsSchema>): Promise<void>;
  /** Makes all attempts of an endpoint due. */
  releaseEndpoint(command: ReleaseEndpoint, tx: Transaction<DueAttemptsSchema>): Promise<void>;
  /** @returns how long those endpoints are held now; 0: they are not */
  holdEndpoints(changes: readonly (HoldEndpoint | ChangeReceiver)[], tx: Transaction<DueAttemptsSchema>): Promise<readonly HoldEndpoint[]>;
  /** Tells other replicas of the circuits that changed. */
  circuitsChanged(gates: readonly CircuitGate[], tx: Transaction<DueAttemptsSchema>): Promise<void>;
  /** Call last: tells other replicas what was scheduled and cancelled. */
  announce(cancelled: readonly DeliveryProgress[], tx: Transaction<DueAttemptsSchema>): Promise<void>;
  /** The transaction that scheduled these has committed. */
  committed(attempts: readonly ScheduleAttempt[]): void;

  // ── For the dispatcher ──

  /** The endpoint's oldest due attempts. */
  claim(id: EndpointId, request: ClaimRequest): Promise<ClaimResult>;
  /** Call right before an attempt is sent: whether it may be, for as long as it may take. */
  mayBeSent(attempt: ScheduleAttempt): boolean | Promise<boolean>;
  /** The attempt's outcome is recorded. @returns whether its row is leased, so that no one claims it until the row shows what follows */
  outcomeRecorded(attempt: ScheduleAttempt): boolean;
  /** Whether the attempt was claimed, and not only offered by the saga host. */
  isClaimed(attempt: ScheduleAttempt): boolean;
  /** The attempts were not sent; any replica may claim them. */
  unclaim(attempts: readonly ScheduleAttempt[]): Promise<void>;
  /** The endpoints whose receivers want no requests now. */
  heldEndpoints(): Promise<readonly HoldEndpoint[]>;
  /** The circuits of endpoints whose last attempt failed. */
  circuitGates(): Promise<readonly CircuitGate[]>;
  /** Whether this replica may make the probe of an open circuit that is due now. Among replicas, one may. */
  mayProbe(id: EndpointId): true | Promise<boolean>;
  /** @param since the `until` of the last search; 0: all due attempts */
  dueSince(since: number): Promise<DueEndpoints>;
  /** Which of these are in a batch already; and those that wait for the others and can go out with them in one batch, at most `most`. */
  turnsOf(of: readonly DeliveryOrBatchId[], most: number): Promise<TurnsOf>;
  /** The number of an endpoint's newest batch; 0: it has none. */
  newestBatch(id: EndpointId): Promise<number>;
}
