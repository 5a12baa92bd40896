// A lane: one endpoint's share of the dispatcher. It decides which of the endpoint's attempts go out now, and keeps at hand those that come next.
// Each lane has its own limit: nothing waits behind somebody else's dead endpoint.
import type { HealthState } from '../../domain/circuit.ts';
import type { EndpointId, Position } from '../../domain/ids.ts';
import type { CircuitGate } from '../due-attempts/circuit-gates.ts';
import type { DeliveryProgress } from '../saga/delivery-progress.ts';
import { isBatch, isTest, type DeliveryOrBatchId, type HoldEndpoint, type ScheduleAttempt } from '../saga/saga-commands.ts';
import { AttemptQueue } from './attempt-queue.ts';
import { BatchGatherer, type BatchListener } from './batch-gatherer.ts';
import type { LaneContext } from './lane-context.ts';
import { LaneEndpoint } from './lane-endpoint.ts';
import { LaneRequests } from './lane-requests.ts';
import { LaneTable } from './lane-table.ts';
import { Pace } from './pace.ts';
import { attemptsRead, offersQueued } from './queue-limits.ts';
import type { ReserveTimes } from './rate-limit.ts';
import { Readiness } from './readiness.ts';
import type { ReceiverState } from './request-limiter.ts';
import { TrackedAttempts } from './tracked-attempts.ts';

/** What to do with the next attempt. `hold`: it goes back to the table. For all but `send`, it stays next; `too-early`: until the pace allows it;
 * `not-ready`: until what it needs is there, such as the address of the receiver. */
type Admission = 'send' | 'hold' | 'lane-full' | 'process-full' | 'too-early' | 'not-ready';

/** An attempt that waits longer than this is not kept from other replicas. */
const longestLeasedWaitMs = 2_000;
/** A lane that began no request for so long may be dropped. */
const idleMs = 10_000;

export class Lane {
  private readonly pace: Pace;
  private readonly readiness: Readiness;
  private readonly tracked = new TrackedAttempts();
  /** Next to be sent. */
  private readonly queue: AttemptQueue;
  /** To be sent in a batch. */
  private readonly gatherer: BatchGatherer;
  private readonly requests: LaneRequests;
  private readonly endpoint: LaneEndpoint;
  private readonly table: LaneTable;
  /** When it was made, or began a request last. */
  private usedAt = performance.now();

  constructor(
    private readonly id: EndpointId,
    private readonly context: LaneContext,
  ) {
    const { backlog, batches, budget, due, endpointConcurrency, log, rates } = context;
    const reserve: ReserveTimes | undefined = rates && ((count, rate) => rates.reserve(id, count, rate));
    this.endpoint = new LaneEndpoint(id, context.directory);
    const onReady = () => this.pump();
    this.pace = new Pace(() => this.endpoint.settings, endpointConcurrency, onReady, reserve);
    this.readiness = new Readiness(() => context.runner.prepare(id), onReady);
    this.table = new LaneTable(id, context, this.tracked, {
      onAttempt: (attempt) => this.enqueue(attempt),
      onRead: (count) => {
        if (count === 0 && this.queue.length === 0) void this.slots?.returnUnused(id);
      },
      onReady,
    });
    this.requests = new LaneRequests(this, id, context, this.pace);
    this.queue = new AttemptQueue(budget, backlog.of(this));
    const onBatched: BatchListener['onBatched'] = (of, position) => this.table.batched(of, position);
    this.gatherer = new BatchGatherer(id, batches, budget, { onBatched, onReady }, log, () => due.now());
  }

  // ── What comes in ──

  /** An attempt that is due now and may not be in the table yet. Without room it is ignored: the table has it later. */
  offer(attempt: ScheduleAttempt): void {
    const { endpoint, slots } = this;
    const { budget, batches } = this.context;
    if (budget.isFull(this.receiverState, this.organization) && !attempt.isUrgent) return;
    const room = endpoint.takesInBatch(attempt) ? 2 * endpoint.maxBatchSize : offersQueued(this.stateWith(slots?.obtainable(this.id)));
    // What was read from the table, after a long hold for example, takes no room from what is new.
    const read = this.table.hasBacklog ? this.readSize : 0;
    if (this.queue.length + this.gatherer.queue.length >= room + read && !attempt.isUrgent) return;
    // The log may already hold this attempt's outcome, beyond what was read of it: only the table knows.
    // What a person asks for now takes the place of what is queued.
    if (this.tracked.has(attempt.id) && !(attempt.isUrgent && this.queue.remove(attempt.id))) return;
    this.enqueue(isBatch(attempt.subject) ? attempt.withMessages(batches.takeMessages(attempt.id)) : attempt);
    this.pump();
  }

  /** The table may have gained due attempts for this lane. */
  checkTable(hasUrgent = false): void {
    this.table.hasBacklog = true;
    this.table.hasUrgent ||= hasUrgent;
    this.pump();
  }

  /** The table shows the log up to `position`, including this event. */
  applied({ ids, cancelled }: DeliveryProgress, position: Position): void {
    for (const id of ids) if (!this.tracked.untrackIfApplied(id, position) && cancelled) this.cancel(id);
  }

  /** A person cancelled it. An attempt in flight is recorded as it ends. */
  cancel(id: DeliveryOrBatchId): void {
    if (this.queue.remove(id) || this.gatherer.queue.remove(id)) this.tracked.untrack(id);
  }

  tracks(id: DeliveryOrBatchId): boolean {
    return this.tracked.has(id);
  }

  tracksAttempt(attempt: Pick<ScheduleAttempt, 'id' | 'attempt'>): boolean {
    return this.tracked.hasAttempt(attempt);
  }

  /** Another replica may take from the table now what was only offered here. */
  dropOffered(): void {
    const { due } = this.context;
    for (const queue of [this.queue, this.gatherer.queue])
      for (const { id } of queue.removeAll((attempt) => !due.isClaimed(attempt))) this.tracked.untrack(id);
    this.tracked.untrackAllRecorded();
  }

  /** Other replicas have all slots: they can send what is queued here. */
  slotsExhausted(): void {
    if (this.queue.length === 0) return;
    this.table.hasUrgent = true;
    this.table.putBack(this.queue.removeAll());
  }

  /** Sends nothing more. @returns what was queued */
  stop(): readonly ScheduleAttempt[] {
    this.pace.stop();
    const queued = [...this.queue.removeAll(), ...this.gatherer.removeAll()];
    for (const { id } of queued) this.tracked.untrack(id);
    return queued;
  }

  /** The receiver asked another replica, or an earlier start of this one, for patience; or the URL was changed. By the clock of the due attempts. */
  hold({ until, revision }: Pick<HoldEndpoint, 'until' | 'revision'>): void {
    this.pace.follow(revision);
    if (revision === this.pace.urlRevision) this.pace.hold(until - this.context.due.now());
    this.pump();
  }

  followCircuit({ circuit, probeAt }: CircuitGate): void {
    this.pace.followCircuit(circuit, (probeAt ?? 0) - this.context.due.now());
    this.pump();
  }

  get circuitState(): HealthState {
    return this.pace.circuitState;
  }

  get organization(): string {
    return this.endpoint.organization;
  }

  get receiverState(): ReceiverState {
    return this.pace.receiverState;
  }

  /** Whether what waits here waits for this process, not for the receiver. */
  get keepsUp(): boolean {
    return !this.endpoint.isHeld && this.pace.keepsUp;
  }

  /** Nothing is to be done here, nor was lately, and another lane of the endpoint would do what this one would. */
  isIdle(now: number): boolean {
    const hasNone = this.tracked.size === 0 && this.queue.length === 0 && this.gatherer.queue.length === 0 && this.requests.inFlight === 0;
    return hasNone && now - this.usedAt > idleMs && this.table.isIdle && this.pace.isForgettable(now);
  }

  // ── What goes out ──

  /** Sends what may go now; asks for slots and reads the table if the lane needs more. */
  pump(): void {
    if (!this.context.status.isRunning) return;
    this.gather();
    const stoppedBy = this.sendQueued();
    if (stoppedBy === 'process-full') return this.context.limiter.waitForRoom(this);
    if (this.table.hasUrgent) this.readUrgent();
    if (stoppedBy === 'too-early') this.wait();
    else if (this.table.hasBacklog || this.queue.length > 0) this.getMore();
  }

  /** Sends from the queue, oldest first. @returns why it stopped; undefined: the queue is empty */
  private sendQueued(): Admission | undefined {
    for (let next = this.queue.first; next; next = this.queue.first) {
      const admission = this.admit(next);
      if (admission !== 'send' && admission !== 'hold') return admission;
      this.queue.shift();
      if (admission === 'hold') this.table.giveBack([next]);
      else this.send(next);
    }
    return undefined;
  }

  /** The lane's rules. An attempt that is admitted has a slot, where there are slots. */
  private admit(attempt: ScheduleAttempt): Admission {
    const { isUrgent } = attempt;
    if (this.requests.inFlight >= (isUrgent ? this.pace.urgentConcurrency : this.pace.concurrency)) return 'lane-full';
    if (!this.context.limiter.hasRoom(this.receiverState, this.organization)) return 'process-full';
    if (this.endpoint.isHeld && !isTest(attempt.subject)) return 'hold';
    if (!isUrgent && this.waitMs > 0) return 'too-early';
    if (!this.readiness.isReady) return 'not-ready';
    return this.slots?.take(this.id) === false ? 'lane-full' : 'send';
  }

  /** Nothing is sent until the pace allows it. Where others may claim them, what waits for long goes back to the table. */
  private wait(): void {
    const { waitMs } = this;
    this.pace.wakeWhenReady(waitMs);
    if (!this.context.due.isShared || waitMs <= longestLeasedWaitMs) return;
    this.table.putBack(this.queue.removeAll());
  }

  private get waitMs(): number {
    return this.pace.waitMs(this.queue.length);
  }

  private send(attempt: ScheduleAttempt): void {
    this.usedAt = performance.now();
    if (!attempt.isUrgent) this.pace.sent(this.requests.inFlight === 0 && this.queue.length === 0 && !this.table.hasBacklog);
    void this.requests.make(attempt, this.slots, {
      onSlotFree: () => this.pump(),
      onEnd: (end) => {
        if (end === 'lease-lost') this.tracked.untrack(attempt.id);
        else if (end === 'log-unavailable' || end === 'not-sent') this.table.leaveToOthers(attempt);
        else if (end === 'probed-elsewhere') this.leaveProbe(attempt);
        else {
          this.table.recorded(attempt, end.position);
          this.pace.observe(end);
        }
      },
    });
  }

  /** Another replica makes the probe of the open circuit. */
  private leaveProbe(attempt: ScheduleAttempt): void {
    this.pace.circuit.awaitProbe(performance.now());
    this.table.putBack([attempt]);
  }

  // ── Batches ──

  private gather(): void {
    if (!this.gatherer.isPending) return;
    const { batch, isHeld } = this.endpoint;
    if (batch && !isHeld) return this.gatherer.closeIfReady(batch);
    const gathered = this.gatherer.removeAll();
    if (batch) this.table.giveBack(gathered);
    else for (const attempt of gathered) this.queue.push(attempt); // the endpoint takes no batches any more
  }

  // ── The table ──

  private enqueue(attempt: ScheduleAttempt): void {
    this.tracked.track(attempt);
    if (attempt.isUrgent) this.queue.unshift(attempt);
    else if (this.endpoint.takesInBatch(attempt)) this.gatherer.queue.push(attempt);
    else this.queue.push(attempt);
  }

  private getMore(): void {
    if (this.waitMs > longestLeasedWaitMs) return this.wait();
    const [slots, { due, limiter }] = [this.slots, this.context];
    if (due.isShared && !limiter.hasRoom(this.receiverState, this.organization)) return limiter.waitForRoom(this);
    const wanted = this.table.hasBacklog ? this.pace.concurrency : this.queue.length;
    slots?.request(this.id, Math.min(this.pace.concurrency, slots.inUse(this.id) + wanted));
    if (slots?.obtainable(this.id) === 0) this.slotsExhausted();
    // Only replicas with slots take from the table.
    if (!this.table.hasBacklog || slots?.held(this.id) === 0) return;
    const inMemory = this.queue.length + this.gatherer.queue.length;
    const { isHeld, maxBatchSize } = this.endpoint;
    if (inMemory < Math.max(this.readSize / 2, maxBatchSize)) void this.table.readDue(Math.max(this.readSize, maxBatchSize), isHeld);
  }

  private get readSize(): number {
    const { receiverState, organization, slots, id } = this;
    return attemptsRead(this.stateWith(slots?.held(id)), this.context.budget.isFull(receiverState, organization));
  }

  /** @param slots that the lane has, or may get; undefined: it needs none */
  private stateWith(slots = Infinity) {
    const { receiverState, pace, context } = this;
    return { isShared: context.due.isShared, receiverState, requests: Math.min(pace.concurrency, slots) };
  }

  /** What a person waits for does not wait for the pace, nor behind the rest of the table. */
  private readUrgent(): void {
    if (this.slots?.held(this.id) === 0) return this.slots.request(this.id, 1);
    void this.table.readUrgent(this.endpoint.isHeld);
  }

  /** Undefined: replicas share no limit of requests to this endpoint. */
  private get slots() {
    const { slots } = this.context;
    return slots?.isLimited(this.id) ? slots : undefined;
  }
}
