// The leases that this replica holds on due attempts, and their renewal while an attempt is queued or in flight.
import { sql, type Kysely } from 'kysely';
import type { EndpointId } from '../../domain/ids.ts';
import type { DeliveryOrBatchId, ScheduleAttempt } from '../saga/saga-commands.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import type { ClaimRequest } from './due-attempts.ts';
import { rowsOnly, type DueAttemptRow, type DueAttemptsSchema } from './due-attempts-table.ts';
import { steadyNow } from '../../steady-clock.ts';
import type { SharedClock } from './shared-clock.ts';

/** A lease of a due attempt, or of a slot, lasts this much longer than its attempt's timeout: enough to record the outcome. */
export const leaseMarginMs = 3_000;

/** How long an attempt at an endpoint may take once it is claimed: gathering for a batch, and the request's timeout. */
export type LongestAttempt = (id: EndpointId) => { readonly gatheringMs: number; readonly timeoutMs: number };

/** `until`: by this process's steady clock, and never later than the row has it. */
type Lease = { readonly attempt: ScheduleAttempt; readonly until: number };

type ClaimedRow = DueAttemptRow & { readonly before: string | null };

const renewEveryMs = 1_000;

export class Leases {
  private readonly byId = new Map<DeliveryOrBatchId, Lease>();
  private readonly renewing = setInterval(() => void this.renewExpiring(), renewEveryMs).unref();

  constructor(
    private readonly replica: string,
    private readonly db: () => Kysely<DueAttemptsSchema>,
    private readonly longestAttempt: LongestAttempt,
    private readonly clock: Pick<SharedClock, 'now'>,
    /** Whether the attempt is still queued or in flight here. */
    private readonly isNeeded: (attempt: ScheduleAttempt) => boolean,
  ) {}

  stop(): void {
    clearInterval(this.renewing);
  }

  durationMs(id: EndpointId): number {
    const { gatheringMs, timeoutMs } = this.longestAttempt(id);
    return Math.ceil(gatheringMs + timeoutMs + 2 * leaseMarginMs);
  }

  /** Undefined for an attempt that was offered before it had a row, and so was never claimed. */
  of({ id, attempt }: ScheduleAttempt): Lease | undefined {
    const lease = this.byId.get(id);
    return lease?.attempt.attempt === attempt ? lease : undefined;
  }

  hold(attempt: ScheduleAttempt, until: number): void {
    this.byId.set(attempt.id, { attempt, until });
  }

  drop(id: DeliveryOrBatchId): void {
    this.byId.delete(id);
  }

  /** A person may request an attempt that another replica is making: it keeps its lease, so that it is not made twice. */
  async heldByOthers(attempts: readonly ScheduleAttempt[], { kysely }: Transaction<DueAttemptsSchema>) {
    const requested = attempts.filter((each) => !each.isFirst && each.failuresInSeries === 0 && !this.isNeeded(each));
    if (requested.length === 0) return new Map<DeliveryOrBatchId, Pick<DueAttemptRow, 'attempt' | 'ready_at' | 'leased_by'>>();
    const ids = requested.map(({ id }) => id);
    const query = kysely.selectFrom('due_attempts').select(['id', 'attempt', 'ready_at', 'leased_by']).where('id', 'in', ids);
    const rows = await query.where('leased_by', 'is not', null).where('ready_at', '>', this.clock.now()).forUpdate().execute();
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** Whether a claimed attempt may be sent: its lease, renewed if need be, outlives the request's timeout. */
  coversRequest(attempt: ScheduleAttempt): boolean | Promise<boolean> {
    const lease = this.of(attempt);
    if (!lease) return false;
    const { timeoutMs } = this.longestAttempt(attempt.subject.endpointId);
    if (lease.until - steadyNow() >= timeoutMs + leaseMarginMs) return true;
    return this.renew([attempt]).then(
      (renewed) => renewed.has(attempt.id),
      () => false,
    );
  }

  /** Claims the endpoint's oldest due attempts. @returns their rows, with the replica that had claimed each before */
  async claim(id: EndpointId, { limit, only }: ClaimRequest): Promise<readonly ClaimedRow[]> {
    const now = this.clock.now();
    const { rows } = await sql<ClaimedRow>`
      WITH due AS (
        SELECT id AS due_id, leased_by AS before FROM due_attempts
        WHERE endpoint_id = ${id} AND ready_at <= ${now} AND EXISTS (SELECT FROM taking WHERE open = 1)
        ${only ? sql`AND ${rowsOnly[only]}` : sql``}
        ORDER BY ready_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
      UPDATE due_attempts SET ready_at = ${now + this.durationMs(id)}, leased_by = ${this.replica} FROM due WHERE id = due_id
      RETURNING due_attempts.*, before`.execute(this.db());
    return rows;
  }

  /** They are due for anyone now. */
  async giveBack(attempts: readonly ScheduleAttempt[]): Promise<void> {
    await sql`
      WITH mine AS (
        SELECT id AS its FROM due_attempts WHERE id = ANY(${attempts.map(({ id }) => id)}::text[]) AND leased_by = ${this.replica}
        FOR UPDATE SKIP LOCKED)
      UPDATE due_attempts SET ready_at = due_at FROM mine WHERE id = its`.execute(this.db());
  }

  /** @returns those that are still this replica's */
  private async renew(attempts: readonly ScheduleAttempt[]): Promise<ReadonlySet<DeliveryOrBatchId>> {
    const askedAt = steadyNow();
    const durations = attempts.map(({ subject }) => this.durationMs(subject.endpointId));
    const { rows } = await sql<{ id: DeliveryOrBatchId }>`
      WITH mine AS (
        SELECT id AS its, lease FROM due_attempts
        JOIN unnest(${attempts.map(({ id }) => id)}::text[], ${attempts.map(({ attempt }) => attempt)}::int[], ${durations}::bigint[])
          AS wanted (wanted_id, number, lease) ON id = wanted_id AND attempt = number
        WHERE leased_by = ${this.replica} FOR UPDATE OF due_attempts SKIP LOCKED)
      UPDATE due_attempts SET ready_at = ${this.clock.now()} + lease FROM mine WHERE id = its RETURNING id`.execute(this.db());
    const renewed = new Set(rows.map(({ id }) => id));
    attempts.forEach((attempt, i) => {
      // A lost lease stays here as it is. Without it, its attempt would look like one that was never claimed.
      if (renewed.has(attempt.id)) this.hold(attempt, askedAt + (durations[i] ?? 0));
    });
    return renewed;
  }

  /** The shared clock has changed, so the rows have the leases end at other times than this replica. */
  async renewAll(): Promise<void> {
    await this.renewUntil(Infinity);
  }

  /** These replicas are gone. Others may claim what they had claimed, and read the log first, as after every lease. */
  async endThoseOf(replicas: readonly string[]): Promise<void> {
    const now = this.clock.now();
    await sql`
      UPDATE due_attempts SET ready_at = due_at
      WHERE leased_by = ANY(${replicas}::text[]) AND ready_at > ${now} AND due_at <= ${now}`.execute(this.db());
  }

  private renewExpiring(): Promise<void> {
    return this.renewUntil(steadyNow() + leaseMarginMs + renewEveryMs);
  }

  private async renewUntil(soon: number): Promise<void> {
    const expiring = Array.from(this.byId.values()).filter(({ until }) => until < soon);
    const needed: ScheduleAttempt[] = [];
    for (const { attempt, until } of expiring) {
      if (this.isNeeded(attempt)) needed.push(attempt);
      else if (until < steadyNow()) this.drop(attempt.id);
    }
    if (needed.length > 0) await this.renew(needed).catch(() => undefined); // again in a second, while there is time
  }
}
