// Due attempts that several replicas take from one table. Who takes one postpones it by a lease, so that "due" and "its replica is gone" are one question.
// Guarantee: as long as leases last, an attempt is under way at one replica. A lease outlives the attempt's timeout by `marginMs` at least, and is
// prolonged while its attempt waits or is under way. Limit: one that is lost, as with a connection for too long, lets another replica make the
// attempt again; it is recorded once.
import { sql } from 'kysely';
import type { BatchId, DeliveryId, EndpointId } from '../../domain/ids.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import type { Tables, Transaction } from '../../read-models/engine/database/database.ts';
import type { DeliveryProgress } from '../saga/delivery-progress.ts';
import { isBatch, type ReleaseEndpoint, type ScheduleAttempt, type DeliveryOrBatchId } from '../saga/saga-commands.ts';
import {
  attemptOf,
  newestBatchIn,
  releaseQuery,
  rowOf,
  type DueEndpoints,
  type ClaimResult,
  type DueAttemptRow,
  type DueAttempts,
  type DueAttemptsSchema,
  type DueAttemptsListener,
  type ClaimRequest,
} from './due-attempts.ts';
import { retryUntilLogAvailable } from '../retry-until-log-available.ts';
import { batchStream, deliveryStream } from '../../domain/streams.ts';

type Schema = DueAttemptsSchema;
type Lease = { readonly attempt: ScheduleAttempt; readonly until: number };
/** What replicas tell each other: `due` to these endpoints now, or at `next`; `withdrawn` from one; slots that are `free`, or `lacking`; nothing of it: anything may be due. */
export type ReplicaNotice = {
  readonly due?: readonly EndpointId[];
  readonly next?: number;
  readonly withdrawn?: readonly DeliveryOrBatchId[];
  readonly from?: EndpointId;
  readonly free?: readonly EndpointId[];
  readonly lacking?: readonly EndpointId[];
};

/** Between the end of an attempt's timeout and that of its lease: time enough to record it. */
export const leaseMarginMs = 3_000;
/** Leases are looked through so often. */
const renewEveryMs = 1_000;
/** Ids that fit into a word: PostgreSQL takes 8,000 bytes. */
export const maxNoticeIds = 150;
const mostWords = 10;

/** The database's clock, in milliseconds: no replica's own is asked. */
export const databaseClock = sql<number>`(extract(epoch FROM statement_timestamp()) * 1000)::bigint`;

export class LeasedDueAttempts implements DueAttempts {
  readonly isShared = true;
  private readonly leases = new Map<DeliveryOrBatchId, Lease>();
  private readonly due = new Set<EndpointId>();
  private next: number | undefined;
  private taker: DueAttemptsListener | undefined;
  private isOpen = false;
  /** The first moment of the running transaction that schedules, and what it writes as leased here. */
  private scheduledAt = 0;
  private readonly writtenAsLeased = new Set<ScheduleAttempt>();
  /** How far the database's clock is ahead of this process's. */
  private ahead = 0;
  private readonly renewing = setInterval(() => void this.renewAll(), renewEveryMs).unref();

  constructor(
    /** Unlike that of every other process. */
    private readonly replica: string,
    private readonly namespace: () => Tables<Schema>,
    private readonly store: Pick<EventStore, 'readStream'>,
    /** How long an attempt may take once it is claimed: gathering for a batch, and its timeout. */
    private readonly longest: (id: EndpointId) => { readonly gatheringMs: number; readonly timeoutMs: number },
  ) {}

  attach(taker: DueAttemptsListener): void {
    this.taker = taker;
  }

  /** What the namespace's listeners heard; undefined: anything may have been said. */
  receive(what: string | undefined): void {
    const { due, next, withdrawn, from, free, lacking } = JSON.parse(what ?? '{}') as ReplicaNotice;
    if (withdrawn && from) this.taker?.attemptsCancelled(from, withdrawn);
    else if (free) this.taker?.slotsFreed(free);
    else if (lacking) this.taker?.slotsWanted(lacking);
    else if (due || next) this.taker?.attemptsDue(due ?? [], next && next - this.ahead);
    else this.taker?.checkAllLanes();
  }

  stop(): void {
    clearInterval(this.renewing);
  }

  // ── Within the transactions of the saga's host ──

  /** Nobody takes anything while the table does not show what the log held when its host took over. */
  async allowClaims(open: boolean, tx: Transaction<Schema>): Promise<void> {
    this.isOpen = open;
    await tx.upsert('taking', ['id'], [{ id: 1, open: open ? 1 : 0 }]);
    if (open) await this.tell({}, tx);
  }

  async schedule(attempts: readonly ScheduleAttempt[], tx: Transaction<Schema>): Promise<void> {
    const leased = await this.leasedElsewhere(attempts, tx);
    this.scheduledAt ||= Date.now();
    const now = this.scheduledAt + this.ahead;
    const rows = attempts.map((attempt): DueAttemptRow => {
      const row = rowOf(attempt);
      if (this.taker?.isTracked(attempt)) {
        this.writtenAsLeased.add(attempt);
        return { ...row, ready_at: now + this.leaseMs(attempt), leased_by: this.replica };
      }
      const lease = leased.get(attempt.id);
      if (lease?.attempt === attempt.attempt) return { ...row, ready_at: lease.ready_at, leased_by: lease.leased_by };
      if (attempt.dueAt <= now) this.due.add(row.endpoint_id);
      else this.next = Math.min(this.next ?? Infinity, attempt.dueAt);
      return row;
    });
    await tx.upsert('due_attempts', ['id'], rows);
  }

  /** A person may ask for an attempt that is under way at another replica: it is not begun a second time. */
  private async leasedElsewhere(attempts: readonly ScheduleAttempt[], { kysely }: Transaction<Schema>) {
    const asked = attempts.filter((each) => !each.isFirst && each.failuresInSeries === 0 && !this.taker?.isTracked(each));
    if (asked.length === 0) return new Map<DeliveryOrBatchId, Pick<DueAttemptRow, 'attempt' | 'ready_at' | 'leased_by'>>();
    const ids = asked.map(({ id }) => id);
    const query = kysely.selectFrom('due_attempts').select(['id', 'attempt', 'ready_at', 'leased_by']).where('id', 'in', ids);
    const rows = await query.where('leased_by', 'is not', null).where('ready_at', '>', databaseClock).forUpdate().execute();
    return new Map(rows.map((row) => [row.id, row]));
  }

  async releaseEndpoint(command: ReleaseEndpoint, tx: Transaction<Schema>): Promise<void> {
    await releaseQuery(command, tx).where('leased_by', 'is', null).execute();
    this.due.add(command.endpointId);
  }

  async announce(cancelled: readonly DeliveryProgress[], tx: Transaction<Schema>): Promise<void> {
    const [due, next] = [[...this.due], this.next];
    this.due.clear();
    this.next = undefined;
    if (!this.isOpen) return;
    const words: ReplicaNotice[] = [];
    if (due.length > 0 || next !== undefined)
      for (let i = 0; i === 0 || i < due.length; i += maxNoticeIds)
        words.push({ due: due.slice(i, i + maxNoticeIds), ...(next && { next }) });
    if (words.length > mostWords) words.splice(0, Infinity, {}); // everywhere
    for (const { endpointId, ids } of cancelled)
      for (let i = 0; i < ids.length; i += maxNoticeIds) words.push({ from: endpointId, withdrawn: ids.slice(i, i + maxNoticeIds) });
    for (const word of words) await this.tell(word, tx);
  }

  committed(attempts: readonly ScheduleAttempt[]): void {
    const since = this.scheduledAt;
    this.scheduledAt = 0;
    const leased = attempts.filter((attempt) => this.writtenAsLeased.has(attempt));
    this.writtenAsLeased.clear();
    for (const attempt of leased) this.leases.set(attempt.id, { attempt, until: since + this.leaseMs(attempt) });
    // It may have been given up while it was written.
    void this.unclaim(leased.filter((attempt) => !this.taker?.isTracked(attempt)));
  }

  private async tell(word: ReplicaNotice, tx?: Transaction<Schema>): Promise<void> {
    await this.namespace().group?.broadcast(JSON.stringify(word), tx);
  }

  // ── For the dispatcher ──

  async claim(id: EndpointId, { limit, testsOnly }: ClaimRequest): Promise<ClaimResult> {
    const asked = Date.now();
    const lease = this.leaseFor(id);
    const { rows } = await sql<DueAttemptRow & { before: string | null; now: number }>`
      WITH due AS (
        SELECT id AS due_id, leased_by AS before FROM due_attempts
        WHERE endpoint_id = ${id} AND ready_at <= ${databaseClock} AND EXISTS (SELECT FROM taking WHERE open = 1)
        ${testsOnly ? sql`AND test = 1` : sql``}
        ORDER BY ready_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
      UPDATE due_attempts SET ready_at = ${databaseClock} + ${lease}, leased_by = ${this.replica} FROM due WHERE id = due_id
      RETURNING due_attempts.*, before, ${databaseClock} AS now`.execute(this.beside);
    if (rows[0]) this.ahead = rows[0].now - asked;
    const claimed: ScheduleAttempt[] = [];
    await Promise.all(
      rows.map(async (row) => {
        const attempt = attemptOf(row);
        if (this.taker?.isTracked(attempt)) return void this.leases.set(attempt.id, { attempt, until: asked + lease });
        // Whoever had it may have made and recorded it, and the table not show it yet. It does soon, or the lease runs out again.
        if (row.before !== null && (await this.hasGoneOn(attempt))) return;
        this.leases.set(attempt.id, { attempt, until: asked + lease });
        claimed.push(attempt);
      }),
    );
    return { attempts: claimed.sort((a, b) => a.dueAt - b.dueAt), more: rows.length === limit };
  }

  mayBeSent(attempt: ScheduleAttempt): true | Promise<boolean> {
    const lease = this.leaseOf(attempt);
    if (!lease) return true; // it was heard of here before there was a row
    const { timeoutMs } = this.longest(attempt.subject.endpointId);
    if (lease.until - Date.now() >= timeoutMs + leaseMarginMs) return true;
    return this.renew([attempt]).then(
      (renewed) => renewed.has(attempt.id),
      () => false,
    );
  }

  outcomeRecorded(attempt: ScheduleAttempt): boolean {
    const lease = this.leaseOf(attempt);
    if (lease) this.leases.delete(attempt.id);
    return lease !== undefined && lease.until > Date.now();
  }

  isClaimed(attempt: ScheduleAttempt): boolean {
    return this.leaseOf(attempt) !== undefined;
  }

  /** Whoever takes them next looks into the log first, as after every lease. */
  async unclaim(attempts: readonly ScheduleAttempt[]): Promise<void> {
    const mine = attempts.filter((attempt) => this.isClaimed(attempt));
    if (mine.length === 0) return;
    for (const { id } of mine) this.leases.delete(id);
    try {
      await sql`
        WITH mine AS (
          SELECT id AS its FROM due_attempts WHERE id = ANY(${mine.map(({ id }) => id)}::text[]) AND leased_by = ${this.replica}
          FOR UPDATE SKIP LOCKED)
        UPDATE due_attempts SET ready_at = due_at FROM mine WHERE id = its`.execute(this.beside);
      const due = new Set(mine.map(({ subject }) => subject.endpointId));
      await this.tell(due.size > maxNoticeIds ? {} : { due: [...due] });
    } catch {
      // Their leases run out.
    }
  }

  async dueSince(after: number): Promise<DueEndpoints> {
    const asked = Date.now();
    const { rows: found } = await sql<{ now: number; next: number | null }>`
      SELECT ${databaseClock} AS now, (SELECT ready_at FROM due_attempts WHERE ready_at > ${databaseClock} ORDER BY ready_at LIMIT 1) AS next`.execute(
      this.beside,
    );
    const { now = asked, next = null } = found[0] ?? {};
    this.ahead = now - asked;
    const query = this.beside.selectFrom('due_attempts').select('endpoint_id').distinct();
    const rows = await query.where('ready_at', '>', after).where('ready_at', '<=', now).execute();
    return { endpoints: rows.map((row) => row.endpoint_id), until: now, nextAt: next === null ? undefined : next - this.ahead };
  }

  newestBatch(id: EndpointId): Promise<number> {
    return newestBatchIn(this.beside, id);
  }

  // ── Leases ──

  private get beside() {
    const { group } = this.namespace();
    if (!group) throw new Error('The table of due attempts is this process’s alone.');
    return group.sideWriter;
  }

  private leaseOf({ id, attempt }: ScheduleAttempt): Lease | undefined {
    const lease = this.leases.get(id);
    return lease?.attempt.attempt === attempt ? lease : undefined;
  }

  private leaseMs({ subject }: ScheduleAttempt): number {
    return this.leaseFor(subject.endpointId);
  }

  private leaseFor(id: EndpointId): number {
    const { gatheringMs, timeoutMs } = this.longest(id);
    return Math.ceil(gatheringMs + timeoutMs + 2 * leaseMarginMs);
  }

  private async hasGoneOn({ id, subject, revision }: ScheduleAttempt): Promise<boolean> {
    const stream = isBatch(subject) ? batchStream(id as BatchId) : deliveryStream(id as DeliveryId);
    const from = revision === 'no-stream' ? 0 : revision + 1;
    return (await retryUntilLogAvailable(() => this.store.readStream(stream, { from }))).length > 0;
  }

  /** @returns those that are still this replica's */
  private async renew(attempts: readonly ScheduleAttempt[]): Promise<ReadonlySet<DeliveryOrBatchId>> {
    const asked = Date.now();
    const leases = attempts.map((each) => this.leaseMs(each));
    const { rows } = await sql<{ id: DeliveryOrBatchId }>`
      WITH mine AS (
        SELECT id AS its, lease FROM due_attempts
        JOIN unnest(${attempts.map(({ id }) => id)}::text[], ${attempts.map(({ attempt }) => attempt)}::int[], ${leases}::bigint[])
          AS wanted (wanted_id, number, lease) ON id = wanted_id AND attempt = number
        WHERE leased_by = ${this.replica} FOR UPDATE OF due_attempts SKIP LOCKED)
      UPDATE due_attempts SET ready_at = ${databaseClock} + lease FROM mine WHERE id = its RETURNING id`.execute(this.beside);
    const renewed = new Set(rows.map(({ id }) => id));
    attempts.forEach((attempt, i) => {
      // One that was lost stays as it is, so that its attempt is not taken for one that was heard of here.
      if (renewed.has(attempt.id)) this.leases.set(attempt.id, { attempt, until: asked + (leases[i] ?? 0) });
    });
    return renewed;
  }

  private async renewAll(): Promise<void> {
    const soon = Date.now() + leaseMarginMs + renewEveryMs;
    const ending = Array.from(this.leases.values()).filter(({ until }) => until < soon);
    const wanted: ScheduleAttempt[] = [];
    for (const { attempt, until } of ending) {
      if (this.taker?.isTracked(attempt)) wanted.push(attempt);
      else if (until < Date.now()) this.leases.delete(attempt.id);
    }
    if (wanted.length > 0) await this.renew(wanted).catch(() => undefined); // it is tried again while there is time
  }
}
