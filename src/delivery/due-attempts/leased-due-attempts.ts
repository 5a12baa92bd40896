// Due attempts in a table that several replicas share. A replica that claims an attempt postpones its row by a lease, so that "it is due" and "its
// replica is gone" are one question.
// Guarantee: while leases last, an attempt is queued or in flight at one replica only. A lease outlives the attempt's timeout by `leaseMarginMs` at
// least, and is renewed meanwhile. Limit: if a lease is lost, as when the database is unavailable for too long, another replica may make the attempt
// again; it is recorded once.
import type { Kysely } from 'kysely';
import type { EndpointId } from '../../domain/ids.ts';
import { LogUnavailable, type EventStore } from '../../event-store/event-store.ts';
import type { ReplicaGroup, Tables, Transaction } from '../../read-models/engine/database/database.ts';
import { LogWatch } from '../../read-models/engine/runner/log-watch.ts';
import { steadyNow } from '../../steady-clock.ts';
import type { DeliveryProgress } from '../saga/delivery-progress.ts';
import type { ChangeReceiver, DeliveryOrBatchId, HoldEndpoint, ReleaseEndpoint, ScheduleAttempt } from '../saga/saga-commands.ts';
import type { ClaimRequest, ClaimResult, DueAttempts, DueAttemptsListener, DueEndpoints } from './due-attempts.ts';
import {
  attemptOf,
  endpointsDue,
  limitWaits,
  newestBatchIn,
  releaseQuery,
  rowOf,
  turnsIn,
  type DueAttemptRow,
  type DueAttemptsSchema,
  type TurnsOf,
} from './due-attempts-table.ts';
import { circuitGatesIn, takeProbe, type CircuitGate } from './circuit-gates.ts';
import { heldEndpointsIn, holdEndpoints } from './held-endpoints.ts';
import { Leases, type LongestAttempt } from './leases.ts';
import { ClockNotices } from './clock-notices.ts';
import { DueNotices } from './due-notices.ts';
import { noticeParts, noticesOfGates, passOnNotice, readNotice, sendNotice, type ReplicaNotice } from './replica-notices.ts';
import { ReplicaPresence } from './replica-presence.ts';
import { SharedClock } from './shared-clock.ts';

type Schema = DueAttemptsSchema;

export class LeasedDueAttempts implements DueAttempts {
  readonly isShared = true;
  private readonly leases: Leases;
  private readonly presence: ReplicaPresence;
  private readonly clockNotices: ClockNotices;
  private listener: DueAttemptsListener | undefined;
  private claimsAllowed = false;
  private readonly dueNotices = new DueNotices();
  /** When the running transaction began to schedule, and the attempts that it wrote as leased by this replica. */
  private scheduledAt = 0;
  /** Otherwise it claims nothing: others may be able to send it. */
  private readsLog = true;
  private readonly stopping = new AbortController();
  private readonly writtenAsLeased = new Set<ScheduleAttempt>();

  constructor(
    /** Different for each process. */
    private readonly replica: string,
    private readonly tables: () => Tables<Schema>,
    private readonly store: Pick<EventStore, 'readStream' | 'tip'>,
    longestAttempt: LongestAttempt,
    private readonly clock = new SharedClock(),
  ) {
    this.presence = new ReplicaPresence(
      replica,
      () => this.group,
      (gone) => this.freeLeasesOf(gone),
    );
    this.clockNotices = new ClockNotices(
      clock,
      (notice) => this.notify(notice),
      () => this.presence.look().catch(() => undefined), // again in a second
      () => {
        void this.leases.renewAll();
        this.listener?.checkAllLanes();
      },
    );
    this.leases = new Leases(
      replica,
      () => this.db,
      longestAttempt,
      clock,
      (attempt) => this.isTracked(attempt),
    );
  }

  attach(listener: DueAttemptsListener): void {
    this.listener = listener;
  }

  /** @param notice from another replica; undefined: notices may have been missed */
  receive(text: string | undefined): void {
    if (text === undefined) void this.presence.join().catch(() => undefined); // it is connected again
    const notice = readNotice(text);
    if (!this.clockNotices.receive(notice) && this.listener) passOnNotice(notice, this.listener);
  }

  /** Shows this replica to the others, and watches whether it can do its part. */
  async join(): Promise<void> {
    await this.presence.join();
    const changed = (answers: boolean) => {
      this.readsLog = answers;
      if (answers) this.listener?.checkAllLanes();
    };
    void new LogWatch(this.store).tell(changed, this.stopping.signal);
  }

  get mayOffer(): boolean {
    return this.group.isSureToLead;
  }

  now(): number {
    return this.clock.now();
  }

  stop(): void {
    this.stopping.abort();
    this.termLost();
    this.leases.stop();
  }

  // ── For the saga host, within its transactions ──

  async allowClaims(allowed: boolean, tx: Transaction<Schema>): Promise<void> {
    this.claimsAllowed = allowed;
    this.presence.reset();
    this.clockNotices.lead();
    await tx.upsert('taking', ['id'], [{ id: 1, open: allowed ? 1 : 0 }]);
    if (allowed) await this.notify({}, tx);
  }

  limitWaits(tx: Transaction<Schema>): Promise<void> {
    return limitWaits(this.now(), tx);
  }

  termLost(): void {
    this.clockNotices.stopLeading();
  }

  private async freeLeasesOf(replicas: readonly string[]): Promise<void> {
    await this.leases.endThoseOf(replicas);
    await this.notify({});
    this.listener?.checkAllLanes();
  }

  async schedule(attempts: readonly ScheduleAttempt[], tx: Transaction<Schema>): Promise<void> {
    const leasedByOthers = await this.leases.heldByOthers(attempts, tx);
    this.scheduledAt ||= steadyNow();
    const now = this.now();
    const rows = attempts.map((attempt): DueAttemptRow => {
      const row = rowOf(attempt);
      if (this.isTracked(attempt)) {
        this.writtenAsLeased.add(attempt);
        return { ...row, ready_at: now + this.leases.durationMs(row.endpoint_id), leased_by: this.replica };
      }
      const lease = leasedByOthers.get(attempt.id);
      if (lease?.attempt === attempt.attempt) return { ...row, ready_at: lease.ready_at, leased_by: lease.leased_by };
      this.dueNotices.scheduled(attempt, now);
      return row;
    });
    await tx.upsert('due_attempts', ['id'], rows);
  }

  async releaseEndpoint(command: ReleaseEndpoint, tx: Transaction<Schema>): Promise<void> {
    await releaseQuery(command, tx).where('leased_by', 'is', null).execute();
    this.dueNotices.released(command.endpointId);
  }

  async holdEndpoints(changes: readonly (HoldEndpoint | ChangeReceiver)[], tx: Transaction<Schema>): Promise<readonly HoldEndpoint[]> {
    const holds = await holdEndpoints(changes, tx);
    const all = holds.map(({ endpointId, until, holdMs, revision }) => [endpointId, until, holdMs, revision] as const);
    for (const held of noticeParts(all)) await this.notify({ held }, tx);
    return holds;
  }

  async circuitsChanged(gates: readonly CircuitGate[], tx: Transaction<Schema>): Promise<void> {
    for (const notice of noticesOfGates(gates)) await this.notify(notice, tx);
  }

  async announce(cancelled: readonly DeliveryProgress[], tx: Transaction<Schema>): Promise<void> {
    const notices = this.dueNotices.take(cancelled);
    if (!this.claimsAllowed) return;
    for (const notice of notices) await this.notify(notice, tx);
  }

  committed(attempts: readonly ScheduleAttempt[]): void {
    const since = this.scheduledAt;
    this.scheduledAt = 0;
    const leased = attempts.filter((attempt) => this.writtenAsLeased.has(attempt));
    this.writtenAsLeased.clear();
    for (const attempt of leased) this.leases.hold(attempt, since + this.leases.durationMs(attempt.subject.endpointId));
    // The dispatcher may have dropped some while they were written.
    void this.unclaim(leased.filter((attempt) => !this.isTracked(attempt)));
  }

  // ── For the dispatcher ──

  async claim(id: EndpointId, request: ClaimRequest): Promise<ClaimResult> {
    if (!this.readsLog) return { attempts: [], more: false };
    await this.clockNotices.ready();
    const asked = steadyNow();
    const lease = this.leases.durationMs(id);
    const rows = await this.leases.claim(id, request);
    const claimed: ScheduleAttempt[] = [];
    await Promise.all(
      rows.map(async (row) => {
        const attempt = attemptOf(row);
        const isInMemory = this.isTracked(attempt);
        // The replica that had it may have recorded the outcome, and the table not show that yet. It will soon; if not, the lease runs out again.
        if (!isInMemory && row.before !== null && (await this.mayBeRecorded(attempt))) return;
        this.leases.hold(attempt, asked + lease);
        if (!isInMemory) claimed.push(attempt);
      }),
    );
    return { attempts: claimed.sort((a, b) => a.dueAt - b.dueAt), more: rows.length === request.limit };
  }

  mayBeSent(attempt: ScheduleAttempt): boolean | Promise<boolean> {
    return this.isClaimed(attempt) ? this.leases.coversRequest(attempt) : this.mayOffer;
  }

  outcomeRecorded(attempt: ScheduleAttempt): boolean {
    const lease = this.leases.of(attempt);
    if (lease) this.leases.drop(attempt.id);
    return lease !== undefined && lease.until > steadyNow();
  }

  isClaimed(attempt: ScheduleAttempt): boolean {
    return this.leases.of(attempt) !== undefined;
  }

  /** A replica that claims them next reads the log first, as after every lease. */
  async unclaim(attempts: readonly ScheduleAttempt[]): Promise<void> {
    const mine = attempts.filter((attempt) => this.isClaimed(attempt));
    if (mine.length === 0) return;
    for (const { id } of mine) this.leases.drop(id);
    try {
      await this.leases.giveBack(mine);
      const [due = [], ...more] = noticeParts([...new Set(mine.map(({ subject }) => subject.endpointId))]);
      await this.notify(more.length > 0 ? {} : { due, urgent: mine.some(({ isUrgent }) => isUrgent) });
    } catch {
      // Their leases run out.
    }
  }

  heldEndpoints(): Promise<readonly HoldEndpoint[]> {
    return heldEndpointsIn(this.db, this.now());
  }

  circuitGates(): Promise<readonly CircuitGate[]> {
    return circuitGatesIn(this.db);
  }

  mayProbe(id: EndpointId): Promise<boolean> {
    return takeProbe(id, this.leases.durationMs(id), this.now(), this.db).catch(() => false);
  }

  async dueSince(since: number): Promise<DueEndpoints> {
    await this.clockNotices.ready();
    const now = this.now();
    const first = this.db.selectFrom('due_attempts').select('ready_at').where('ready_at', '>', now).orderBy('ready_at').limit(1);
    const next = await first.executeTakeFirst();
    return { ...(await endpointsDue(this.db, since, now)), until: now, nextAt: next?.ready_at };
  }

  turnsOf(of: readonly DeliveryOrBatchId[], most: number): Promise<TurnsOf> {
    return turnsIn(this.db, of, most);
  }

  newestBatch(id: EndpointId): Promise<number> {
    return newestBatchIn(this.db, id);
  }

  private get group(): ReplicaGroup<Schema> {
    const { group } = this.tables();
    if (!group) throw new Error('Leases of due attempts need a database that replicas share.');
    return group;
  }

  private get db(): Kysely<Schema> {
    return this.group.sideWriter;
  }

  private notify(notice: ReplicaNotice, tx?: Transaction<Schema>): Promise<void> {
    return sendNotice(this.tables(), notice, tx);
  }

  private isTracked(attempt: ScheduleAttempt): boolean {
    return this.listener?.isTracked(attempt) ?? false;
  }

  private async mayBeRecorded(attempt: ScheduleAttempt): Promise<boolean> {
    const from = attempt.revision === 'no-stream' ? 0 : attempt.revision + 1;
    try {
      return (await this.store.readStream(attempt.stream, { from })).length > 0;
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
      this.leases.hold(attempt, 0);
      await this.unclaim([attempt]);
      return true;
    }
  }
}
