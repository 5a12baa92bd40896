// Due attempts of a process that has the table to itself: no leases, because its dispatcher tracks all attempts that are in memory.
import type { Kysely } from 'kysely';
import type { EndpointId } from '../../domain/ids.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import { steadyNow } from '../../steady-clock.ts';
import type { ChangeReceiver, DeliveryOrBatchId, HoldEndpoint, ReleaseEndpoint, ScheduleAttempt } from '../saga/saga-commands.ts';
import type { ClaimRequest, ClaimResult, DueAttempts, DueEndpoints } from './due-attempts.ts';
import {
  attemptOf,
  endpointsDue,
  limitWaits,
  newestBatchIn,
  releaseQuery,
  rowOf,
  rowsOnly,
  turnsIn,
  type DueAttemptsSchema,
  type TurnsOf,
} from './due-attempts-table.ts';
import { circuitGatesIn, type CircuitGate } from './circuit-gates.ts';
import { heldEndpointsIn, holdEndpoints } from './held-endpoints.ts';

export class OwnDueAttempts implements DueAttempts {
  readonly isShared = false;
  readonly mayOffer = true;

  /** @param read the table's connection for reading; called for each query, as a rebuild replaces it */
  constructor(
    private readonly read: () => Kysely<DueAttemptsSchema>,
    readonly now: () => number = steadyNow,
  ) {}

  attach(): void {}
  async allowClaims(): Promise<void> {}
  termLost(): void {}

  limitWaits(tx: Transaction<DueAttemptsSchema>): Promise<void> {
    return limitWaits(this.now(), tx);
  }

  schedule(attempts: readonly ScheduleAttempt[], tx: Transaction<DueAttemptsSchema>): Promise<void> {
    return tx.upsert('due_attempts', ['id'], attempts.map(rowOf));
  }

  async releaseEndpoint(command: ReleaseEndpoint, tx: Transaction<DueAttemptsSchema>): Promise<void> {
    await releaseQuery(command, tx).execute();
  }

  holdEndpoints(changes: readonly (HoldEndpoint | ChangeReceiver)[], tx: Transaction<DueAttemptsSchema>): Promise<readonly HoldEndpoint[]> {
    return holdEndpoints(changes, tx);
  }

  async circuitsChanged(): Promise<void> {}
  async announce(): Promise<void> {}
  committed(): void {}

  async claim(id: EndpointId, { limit, only, tracked }: ClaimRequest): Promise<ClaimResult> {
    const most = limit + tracked.size; // tracked ones may be among them
    let query = this.read().selectFrom('due_attempts').selectAll().where('endpoint_id', '=', id).where('ready_at', '<=', this.now());
    if (only) query = query.where(rowsOnly[only]);
    const rows = await query.orderBy('ready_at').limit(most).execute();
    return { attempts: rows.map(attemptOf), more: rows.length === most };
  }

  mayBeSent(): true {
    return true;
  }
  outcomeRecorded(): boolean {
    return false;
  }
  isClaimed(): boolean {
    return true;
  }
  async unclaim(): Promise<void> {}

  heldEndpoints(): Promise<readonly HoldEndpoint[]> {
    return heldEndpointsIn(this.read(), this.now());
  }

  circuitGates(): Promise<readonly CircuitGate[]> {
    return circuitGatesIn(this.read());
  }

  mayProbe(): true {
    return true;
  }

  async dueSince(after: number): Promise<DueEndpoints> {
    const until = this.now();
    const endpoints = await endpointsDue(this.read(), after, until);
    const next = this.read().selectFrom('due_attempts').select('ready_at').where('ready_at', '>', until);
    const first = await next.orderBy('ready_at').limit(1).executeTakeFirst();
    return { ...endpoints, until, nextAt: first?.ready_at };
  }

  turnsOf(of: readonly DeliveryOrBatchId[], most: number): Promise<TurnsOf> {
    return turnsIn(this.read(), of, most);
  }

  newestBatch(id: EndpointId): Promise<number> {
    return newestBatchIn(this.read(), id);
  }
}
