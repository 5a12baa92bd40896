// The dispatcher: which due attempt goes when. One lane per endpoint, so that nothing waits behind somebody else's dead endpoint:
// a lane has a bound of its own, which falls while its receiver does not answer and grows while it does.
// For an endpoint that takes batches, a lane gathers deliveries first, and has a batch of them closed by size or by wait.
import type { BaseLogger } from 'pino';
import type { EndpointId, Position } from '../domain/ids.ts';
import type { RecordedEvent } from '../event-store/event-store.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import type { AttemptRunner } from './attempt-runner.ts';
import type { BatchCloser } from './batch-closer.ts';
import type { DeliveryProgress } from './delivery-progress.ts';
import { isBatch, type ScheduleAttempt, type DeliveryOrBatchId } from './saga-commands.ts';
import type { DueAttempts } from './due-attempts.ts';
import type { SharedSlots } from './shared-slots.ts';
import { endpointIdIn } from '../domain/streams.ts';

/** An event that the table shows, and what it says of attempts that may be at hand here. */
export type AppliedEvent = Pick<RecordedEvent, 'position' | 'type' | 'stream'> & { readonly progress: DeliveryProgress | undefined };

/** `recorded`: where its outcome is in the log, though the table may not show that yet. */
type UnderWay = { readonly attempt: number; readonly recorded: Position | undefined };

type Lane = {
  readonly id: EndpointId;
  /** Next to go, oldest first; bounded. */
  waiting: ScheduleAttempt[];
  /** To go in a batch, oldest first; bounded. */
  gathering: ScheduleAttempt[];
  /** A batch is being closed. */
  closing: boolean;
  /** Closes what gathers, though it is no full batch. */
  closeTimer: NodeJS.Timeout | undefined;
  inFlight: number;
  /** How many may be in flight now. */
  limit: number;
  /** The table holds due attempts that are not in `waiting`. */
  backlog: boolean;
  /** Waiting, in flight, or recorded at a position that the table does not show yet: the table's row is not to be taken. */
  readonly underWay: Map<DeliveryOrBatchId, UnderWay>;
  /** Those that ceased to be under way while the table is being read: what was read of them may be outdated. */
  left: Set<DeliveryOrBatchId> | undefined;
};

export type DispatcherOptions = {
  /** Requests at one time, in all and to one endpoint. */
  readonly concurrency: number;
  readonly endpointConcurrency: number;
};

/** What a lane starts with: a receiver must answer before it gets more. */
const firstLimit = 8;
/** Attempts at hand, in all; beyond it they wait in the table. */
const mostWaiting = 10_000;
/** Messages that those keep at hand; the others are read from the log again. */
const mostMessages = 1000;
/** Attempts that a lane takes from the table at a time, and when more than `mostWaiting` are at hand: many lanes make many attempts. */
const refillSize = 256;
const smallRefillSize = 16;
/** Attempts that a lane takes from memory instead, for each request that it may have in flight: a dead endpoint fills its own share only. */
const mostWaitingPerSlot = 64;
/** The same where other replicas have slots, too. */
const mostWaitingPerSlotOfSome = 4;
/** After the table could not be read. */
const readAgainMs = 1000;
/** Attempts that become due within so many milliseconds are looked for together. */
const wakeEveryMs = 10;
/** The same, at most, where other replicas look as well: not all at one moment. */
const wakeEveryMsOfSome = 50;

export class Dispatcher {
  private readonly lanes = new Map<EndpointId, Lane>();
  /** What the table shows: the log up to here. */
  private shown: Position | undefined;
  /** Lanes that have work and found all slots taken, in turn. */
  private readonly starved = new Set<Lane>();
  private running = false;
  /** What is due is heard of here first. */
  private hot = false;
  private stopped = false;
  private inFlight = 0;
  private waiting = 0;
  private messages = 0;
  private wokenAt = 0;
  private nextWake = Number.POSITIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private idle: (() => void) | undefined;

  constructor(
    private readonly due: DueAttempts,
    private readonly directory: EndpointDirectory,
    private readonly runner: AttemptRunner,
    private readonly batches: BatchCloser,
    private readonly options: DispatcherOptions,
    private readonly log: Pick<BaseLogger, 'error'>,
    /** Where replicas share a bound of requests to one endpoint. */
    private readonly slots?: SharedSlots,
  ) {
    directory.onEndpointChanged((id) => this.look(this.lane(id)));
    due.attach(this);
    slots?.attach(this);
  }

  get requestsInFlight(): number {
    return this.inFlight;
  }

  /** Once the table shows all that the log held at the start: from now on attempts are offered that it does not show yet. */
  start(): void {
    this.hot = true;
    this.takeFromTable();
  }

  /** Of several replicas: sends what it finds in the table. */
  takeFromTable(): void {
    this.running = !this.stopped;
    this.lookEverywhere();
  }

  /** Another replica may offer attempts from now on, and give those to the table that are only heard of here. */
  cool(): void {
    this.hot = false;
    for (const lane of this.lanes.values()) {
      for (const name of ['waiting', 'gathering'] as const) {
        for (const attempt of lane[name].filter((each) => !this.due.isClaimed(each))) this.drop(lane, attempt);
        lane[name] = lane[name].filter((each) => this.due.isClaimed(each));
      }
      for (const [id, { recorded }] of lane.underWay) if (recorded !== undefined) forget(lane, id);
    }
  }

  // ── What other replicas tell ──

  announced(endpoints: readonly EndpointId[], nextAt: number | undefined): void {
    for (const id of endpoints) this.look(this.lane(id));
    if (nextAt !== undefined) this.wakeAt(nextAt);
  }

  lookEverywhere(): void {
    this.wokenAt = 0;
    if (this.running) void this.wake();
  }

  withdrawn(endpointId: EndpointId, ids: readonly DeliveryOrBatchId[]): void {
    const lane = this.lanes.get(endpointId);
    if (lane) for (const id of ids) this.withdraw(lane, id);
  }

  slotsFree(endpoints: readonly EndpointId[]): void {
    this.slots?.free(endpoints);
  }

  slotsLacking(endpoints: readonly EndpointId[]): void {
    this.slots?.yield(endpoints);
  }

  // ── What the slots tell ──

  slotsCame(id: EndpointId): void {
    const lane = this.lanes.get(id);
    if (lane) this.pump(lane);
  }

  /** What is at hand goes to those who have slots. */
  noSlots(id: EndpointId): void {
    const lane = this.lanes.get(id);
    const waiting = lane?.waiting.splice(0) ?? [];
    if (!lane || waiting.length === 0) return;
    for (const attempt of waiting) this.drop(lane, attempt);
    lane.backlog = true;
    void this.due.giveBack(waiting);
  }

  isUnderWay({ id, attempt, subject }: Pick<ScheduleAttempt, 'id' | 'attempt' | 'subject'>): boolean {
    return this.lanes.get(subject.endpointId)?.underWay.get(id)?.attempt === attempt;
  }

  // ── What the saga's host tells ──

  /** Takes no more, and resolves when what is in flight is recorded, or after `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.running = false;
    this.stopped = true;
    clearTimeout(this.timer);
    for (const { closeTimer } of this.lanes.values()) clearTimeout(closeTimer);
    const late = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref());
    const idle = this.inFlight === 0 ? undefined : new Promise<void>((resolve) => (this.idle = resolve));
    const ended = Promise.all([idle, this.giveBackAll(), this.slots?.giveBackUnused()]).then(() => this.slots?.giveBackUnused());
    await Promise.race([late, ended]);
  }

  /** What waits, so that another replica need not wait for leases to run out. */
  private async giveBackAll(): Promise<void> {
    if (!this.due.isShared) return;
    const waiting: ScheduleAttempt[] = [];
    for (const lane of this.lanes.values()) {
      const those = [...lane.waiting.splice(0), ...lane.gathering.splice(0)];
      for (const attempt of those) this.drop(lane, attempt);
      waiting.push(...those);
    }
    await this.due.giveBack(waiting);
  }

  /** An attempt that is due now and may not be in the table yet. Without room for it nothing happens: the table brings it. */
  offer(attempt: ScheduleAttempt): void {
    if (!this.running || !this.hot || this.waiting >= mostWaiting) return;
    const lane = this.lane(attempt.subject.endpointId);
    const perSlot = this.due.isShared ? mostWaitingPerSlotOfSome : mostWaitingPerSlot;
    const atOnce = Math.min(lane.limit, this.slots?.hope(lane.id) ?? lane.limit);
    const most = this.gathers(lane, attempt) ? 2 * this.mostGathered(lane) : atOnce * perSlot;
    if (lane.waiting.length + lane.gathering.length >= most) return;
    // The log may hold the outcome of this very attempt already, further on than it was read: the table knows.
    if (lane.underWay.has(attempt.id)) return;
    this.enqueue(lane, isBatch(attempt.subject) ? attempt.withMessages(this.batches.take(attempt.id)) : attempt);
    this.pump(lane);
  }

  /** The table shows these events now; `written` are the attempts that it gained. */
  committed(batch: readonly AppliedEvent[], written: readonly ScheduleAttempt[]): void {
    const end = batch.at(-1)?.position;
    if (end === undefined) return;
    this.shown = end;
    for (const { progress } of batch) {
      const lane = progress && this.lanes.get(progress.endpointId);
      if (!lane) continue;
      for (const id of progress.ids) {
        const known = lane.underWay.get(id);
        if (!known) continue;
        const { recorded } = known;
        if (recorded !== undefined && recorded <= end) forget(lane, id);
        else if (progress.cancelled) this.withdraw(lane, id);
      }
    }
    const now = Date.now();
    let next = Number.POSITIVE_INFINITY;
    for (const { id, subject, dueAt } of written) {
      if (dueAt > now) next = Math.min(next, dueAt);
      else if (!this.lanes.get(subject.endpointId)?.underWay.has(id)) this.look(this.lane(subject.endpointId));
    }
    this.wakeAt(next);
    for (const event of batch) if (event.type === 'endpoint.deleted') this.look(this.lane(endpointIdIn(event.stream)));
  }

  private lane(id: EndpointId): Lane {
    let lane = this.lanes.get(id);
    if (!lane) {
      const limit = Math.min(firstLimit, this.options.endpointConcurrency);
      lane = {
        id,
        waiting: [],
        gathering: [],
        closing: false,
        closeTimer: undefined,
        inFlight: 0,
        limit,
        backlog: false,
        underWay: new Map(),
        left: undefined,
      };
      this.lanes.set(id, lane);
    }
    return lane;
  }

  private enqueue(lane: Lane, attempt: ScheduleAttempt): void {
    lane.underWay.set(attempt.id, { attempt: attempt.attempt, recorded: undefined });
    const queue = this.gathers(lane, attempt) ? lane.gathering : lane.waiting;
    queue.push(this.messages < mostMessages ? attempt : attempt.withMessages(undefined));
    this.waiting++;
    this.messages += queue.at(-1)?.messages?.length ?? 0;
  }

  /** It no longer waits. */
  private took({ messages }: ScheduleAttempt): void {
    this.waiting--;
    this.messages -= messages?.length ?? 0;
  }

  private drop(lane: Lane, attempt: ScheduleAttempt): void {
    this.took(attempt);
    forget(lane, attempt.id);
  }

  /** A person cancelled it before it went. One that is in flight already is recorded as it ends. */
  private withdraw(lane: Lane, id: DeliveryOrBatchId): void {
    for (const queue of [lane.waiting, lane.gathering]) {
      const index = queue.findIndex((attempt) => attempt.id === id);
      const [withdrawn] = index === -1 ? [] : queue.splice(index, 1);
      if (withdrawn) this.drop(lane, withdrawn);
    }
  }

  /** There may be something in the table for this lane. */
  private look(lane: Lane): void {
    lane.backlog = true;
    this.pump(lane);
  }

  private pump(lane: Lane): void {
    this.gather(lane);
    while (this.running && lane.waiting.length > 0 && lane.inFlight < lane.limit) {
      if (this.inFlight >= this.options.concurrency) {
        this.starved.add(lane);
        return;
      }
      const attempt = lane.waiting[0] as ScheduleAttempt;
      const isHeld = this.isHeld(lane.id) && !isTest(attempt);
      if (!isHeld && this.slots?.take(lane.id) === false) break;
      lane.waiting.shift();
      this.took(attempt);
      if (isHeld) this.hold(lane, [attempt]);
      else void this.carryOut(lane, attempt);
    }
    if (!this.running || !(lane.backlog || lane.waiting.length > 0)) return;
    if (this.due.isShared && this.inFlight >= this.options.concurrency) return void this.starved.add(lane);
    const more = lane.backlog ? lane.limit : lane.waiting.length;
    this.slots?.ask(lane.id, Math.min(lane.limit, this.slots.used(lane.id) + more));
    if (this.slots?.hope(lane.id) === 0) this.noSlots(lane.id);
    // Work is taken by those who have slots.
    if (!lane.backlog || this.slots?.count(lane.id) === 0) return;
    const waiting = lane.waiting.length + lane.gathering.length;
    if (waiting < Math.max(this.refillSizeOf(lane) / 2, this.mostGathered(lane))) void this.refill(lane);
  }

  // ── Batches ──

  private batchOf(id: EndpointId) {
    return this.directory.endpoint(id)?.configuration.settings.batch ?? null;
  }

  /** What a lane gathers at a time: a full batch. */
  private mostGathered({ id }: Lane): number {
    return this.batchOf(id)?.maxSize ?? 0;
  }

  /** A delivery that was never attempted goes in a batch where its endpoint takes those; a test and one that has a history go alone. */
  private gathers(lane: Lane, attempt: ScheduleAttempt): boolean {
    return attempt.isFirst && !isBatch(attempt.subject) && !isTest(attempt) && this.batchOf(lane.id) !== null;
  }

  /** Has batches closed of what gathers: full ones, and what has waited for long enough. */
  private gather(lane: Lane): void {
    if (!this.running || lane.closing || lane.gathering.length === 0) return;
    clearTimeout(lane.closeTimer);
    lane.closeTimer = undefined;
    const batch = this.batchOf(lane.id);
    if (!batch) return void lane.waiting.push(...lane.gathering.splice(0)); // it takes no batches any more
    if (this.isHeld(lane.id)) {
      const held = lane.gathering.splice(0);
      for (const attempt of held) this.took(attempt);
      return this.hold(lane, held);
    }
    const since = lane.gathering[0]?.dueAt ?? 0;
    const left = since + batch.maxWaitMs - Date.now();
    if (lane.gathering.length >= batch.maxSize || left <= 0) void this.close(lane, batch.maxSize);
    else lane.closeTimer = setTimeout(() => this.pump(lane), left);
  }

  /** The batch itself comes to this lane, or to that of another replica, by what follows from its event. */
  private async close(lane: Lane, maxSize: number): Promise<void> {
    lane.closing = true;
    try {
      const { ids, position } = await this.batches.close(lane.id, lane.gathering.slice(0, maxSize));
      const closed = new Set(ids);
      const [inIt, left] = [lane.gathering.filter(({ id }) => closed.has(id)), lane.gathering.filter(({ id }) => !closed.has(id))];
      for (const attempt of inIt) this.took(attempt);
      lane.gathering = left;
      for (const attempt of inIt) this.recorded(lane, attempt, position);
    } catch (error) {
      this.log.error({ err: error, endpointId: lane.id }, 'A batch could not be closed; it is tried again.');
      await new Promise((resolve) => setTimeout(resolve, readAgainMs).unref());
    }
    lane.closing = false;
    this.pump(lane);
  }

  // ── Sending ──

  /** A paused or disabled endpoint gets nothing but tests; one that is gone has its deliveries cancelled. */
  private isHeld(id: EndpointId): boolean {
    const endpoint = this.directory.endpoint(id);
    return endpoint !== undefined && endpoint.configuration.status !== 'ENABLED';
  }

  /** They wait in the table until it is enabled again. */
  private hold(lane: Lane, attempts: readonly ScheduleAttempt[]): void {
    for (const { id } of attempts) forget(lane, id);
    void this.due.giveBack(attempts);
  }

  private async carryOut(lane: Lane, attempt: ScheduleAttempt): Promise<void> {
    lane.inFlight++;
    this.inFlight++;
    let hasSlot = this.slots !== undefined;
    const freeSlot = () => {
      if (hasSlot) this.slots?.done(lane.id);
      hasSlot = false;
    };
    try {
      const allowed = this.due.mayBeSent(attempt);
      if (allowed === true || (await allowed)) {
        const { position, receiver } = await this.runner.run(attempt, () => {
          if (!hasSlot) return;
          freeSlot(); // recording needs none
          this.pump(lane);
        });
        this.recorded(lane, attempt, position);
        if (receiver === 'answers') lane.limit = Math.min(lane.limit + 1, this.options.endpointConcurrency);
        else if (receiver === 'struggles') lane.limit = Math.max(1, Math.floor(lane.limit / 2));
      } else forget(lane, attempt.id);
    } catch (error) {
      // It stays under way, so that it is not sent over and over; the next start tries it again.
      this.log.error({ err: error, id: attempt.id }, 'An attempt could not be carried out.');
    }
    lane.inFlight--;
    this.inFlight--;
    freeSlot();
    if (this.inFlight === 0 && !this.running) this.idle?.();
    // Whoever waits for a slot comes before the lane that gave one back.
    this.starved.add(lane);
    for (const next of this.starved) {
      if (this.inFlight >= this.options.concurrency) break;
      this.starved.delete(next);
      this.pump(next);
    }
  }

  /** The table may have been faster than the answer of the log; then it holds what follows already. */
  private recorded(lane: Lane, attempt: ScheduleAttempt, position: Position): void {
    const isKept = this.due.recorded(attempt);
    if (!this.isUnderWay(attempt)) return; // the table was so much faster that the next attempt is under way
    lane.underWay.set(attempt.id, { attempt: attempt.attempt, recorded: position });
    const isShown = this.shown !== undefined && position <= this.shown;
    if (!isShown && this.hot && !isKept) return;
    forget(lane, attempt.id);
    lane.backlog ||= isShown;
  }

  /** Where others take from the table, too, a lane takes what it can send soon. */
  private refillSizeOf(lane: Lane): number {
    if (this.due.isShared) return 2 * Math.min(lane.limit, this.slots?.count(lane.id) ?? lane.limit);
    return this.waiting < mostWaiting ? refillSize : smallRefillSize;
  }

  private async refill(lane: Lane): Promise<void> {
    if (lane.left) return; // it is being read
    const left = new Set<DeliveryOrBatchId>();
    lane.left = left;
    lane.backlog = false;
    const testsOnly = this.isHeld(lane.id);
    const limit = Math.max(this.refillSizeOf(lane), this.mostGathered(lane));
    try {
      const { attempts, more } = await this.due.claim(lane.id, { limit, testsOnly, underWay: lane.underWay });
      for (const attempt of attempts) if (this.isNews(lane, attempt, left)) this.enqueue(lane, attempt);
      if (more || attempts.some(({ id }) => left.has(id))) lane.backlog = true;
      if (attempts.length === 0 && lane.waiting.length === 0) void this.slots?.giveBackUnused(lane.id);
    } catch (error) {
      this.tableFailed(error);
      setTimeout(() => this.look(lane), readAgainMs).unref();
    }
    lane.left = undefined;
    this.pump(lane);
  }

  /** What was read may be out of date; what was claimed is not, and the attempt before it may still wait to be told that it is recorded. */
  private isNews(lane: Lane, attempt: ScheduleAttempt, left: ReadonlySet<DeliveryOrBatchId>): boolean {
    if (this.due.isShared) return !this.isUnderWay(attempt);
    return !lane.underWay.has(attempt.id) && !left.has(attempt.id);
  }

  private wakeAt(time: number): void {
    if (!this.running || time >= this.nextWake) return;
    this.nextWake = time;
    clearTimeout(this.timer);
    // setTimeout counts to 2³¹-1 ms; what is later is looked at again then.
    const shortest = this.due.isShared ? wakeEveryMsOfSome * (0.5 + Math.random() / 2) : wakeEveryMs;
    const delay = Math.min(Math.max(time - Date.now(), shortest), 2 ** 31 - 1);
    this.timer = setTimeout(() => void this.wake(), delay);
  }

  /** Looks into the lanes that something became due to since the last time. */
  private async wake(): Promise<void> {
    const after = this.wokenAt;
    this.nextWake = Number.POSITIVE_INFINITY;
    try {
      const { endpoints, until, nextAt } = await this.due.becameDue(after);
      for (const id of endpoints) this.look(this.lane(id));
      if (this.wokenAt === after) this.wokenAt = until;
      this.wakeAt(nextAt ?? Number.POSITIVE_INFINITY);
    } catch (error) {
      this.tableFailed(error);
      this.wakeAt(Date.now() + readAgainMs);
    }
  }

  private tableFailed(error: unknown): void {
    if (this.running) this.log.error({ err: error }, 'The table of due attempts can not be read.');
  }
}

const isTest = ({ subject }: ScheduleAttempt) => !isBatch(subject) && subject.test === true;

const forget = (lane: Lane, id: DeliveryOrBatchId): void => {
  lane.underWay.delete(id);
  lane.left?.add(id);
};
