// The dispatcher: has a lane for each endpoint, and tells the lanes what happens: an attempt is due, the table has changed, slots have come or gone.
import type { BaseLogger } from 'pino';
import { DeliveryBacklog } from '../../commands/delivery-backlog.ts';
import { endpointIdIn } from '../../domain/streams.ts';
import type { HealthState } from '../../domain/circuit.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { Outage } from '../../outage.ts';
import type { DeliveryProgress } from '../saga/delivery-progress.ts';
import type { CircuitGate } from '../due-attempts/circuit-gates.ts';
import type { DueAttemptsListener } from '../due-attempts/due-attempts.ts';
import type { DeliveryOrBatchId, HoldEndpoint, ScheduleAttempt } from '../saga/saga-commands.ts';
import type { SharedRates } from '../due-attempts/shared-rates.ts';
import type { SlotsListener } from '../due-attempts/shared-slots.ts';
import { DueScheduler } from './due-scheduler.ts';
import { Lane } from './lane.ts';
import type { DispatcherStatus, LaneBatches, LaneContext, LaneDirectory, LaneDueAttempts, LaneRunner, LaneSlots } from './lane-context.ts';
import { MemoryBudget } from './memory-budget.ts';
import { RequestLimiter } from './request-limiter.ts';

/** An event that the table of due attempts shows now. */
export type AppliedEvent = Pick<RecordedEvent, 'position' | 'type' | 'stream'> & { readonly progress: DeliveryProgress | undefined };

export type DispatcherOptions = {
  /** Requests in flight, in all and to one endpoint. */
  readonly concurrency: number;
  readonly endpointConcurrency: number;
  /** For how long requests are begun in one turn of the event loop. Longer turns delay all that is answered here; much shorter ones cost throughput. */
  readonly sendingTurnMs?: number;
  /** Where intake sees how much waits to be sent. */
  readonly backlog?: DeliveryBacklog;
};

/** With more lanes, those are dropped that have been idle for a while and know nothing that they would have to learn again. */
const mostIdleLanes = 2_000;
/** At each new lane. */
const lanesLookedAt = 8;

export class Dispatcher implements DueAttemptsListener, SlotsListener {
  private readonly lanes = new Map<EndpointId, Lane>();
  private readonly status: { -readonly [key in keyof DispatcherStatus]: DispatcherStatus[key] } = {
    isRunning: false,
    acceptsOffers: false,
    appliedUpTo: undefined,
  };
  private readonly limiter: RequestLimiter;
  private readonly scheduler: DueScheduler;
  private readonly context: LaneContext;
  private isStopped = false;

  constructor(
    private readonly due: LaneDueAttempts,
    directory: LaneDirectory,
    runner: LaneRunner,
    batches: LaneBatches,
    { concurrency, endpointConcurrency, sendingTurnMs = 5, backlog = new DeliveryBacklog() }: DispatcherOptions,
    log: Pick<BaseLogger, 'info' | 'warn' | 'error'>,
    /** Undefined: no other process sends. */
    private readonly slots?: LaneSlots,
    rates?: Pick<SharedRates, 'reserve'>,
  ) {
    const isShared = () => directory.organizations.size > 1;
    this.limiter = new RequestLimiter(concurrency, sendingTurnMs, isShared);
    const { status } = this;
    const tableOutage = new Outage("The table of due attempts can't be read", log);
    this.scheduler = new DueScheduler(due, (endpoints, urgent) => this.checkLanes(endpoints, (id) => urgent.has(id)), tableOutage);
    this.context = {
      due,
      directory,
      runner,
      batches,
      slots,
      rates,
      limiter: this.limiter,
      budget: new MemoryBudget(isShared),
      backlog,
      status,
      endpointConcurrency,
      log,
      tableOutage,
    };
    directory.onEndpointChanged((id) => this.lane(id).checkTable());
    due.attach(this);
    slots?.attach(this);
  }

  /** Endpoints in that state, as far as this process has lanes for them. */
  circuits(state: HealthState): number {
    let count = 0;
    for (const lane of this.lanes.values()) if (lane.circuitState === state) count++;
    return count;
  }

  get requestsInFlight(): number {
    return this.limiter.inFlight;
  }

  // ── Start and stop ──

  /** Sends what is due in the table. Where replicas share the table, each of them does this. */
  takeFromTable(): void {
    if (this.isStopped) return;
    this.status.isRunning = true;
    this.scheduler.start();
    void this.begin();
  }

  private async begin(): Promise<void> {
    // If that fails, the receivers say again that they want to be left alone, or fail again.
    this.endpointsHeld(await this.due.heldEndpoints().catch(() => []));
    this.circuitsChanged(await this.due.circuitGates().catch(() => []));
    this.scheduler.searchAll();
  }

  /** Call once the table shows all that the log held at the start: from now on attempts are offered before the table shows them. */
  acceptOffers(): void {
    this.status.acceptsOffers = true;
    this.takeFromTable();
  }

  /** Another replica is offered attempts now. */
  refuseOffers(): void {
    this.status.acceptsOffers = false;
    for (const lane of this.lanes.values()) lane.dropOffered();
  }

  /** Stops taking work; resolves once in-flight attempts are recorded, or after `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.status.isRunning = false;
    this.isStopped = true;
    this.scheduler.stop();
    const late = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref());
    const ended = Promise.all([this.limiter.idle(), this.returnQueued(), this.slots?.returnUnused()]).then(() =>
      this.slots?.returnUnused(),
    );
    await Promise.race([late, ended]);
  }

  /** Other replicas need not wait for this one's leases to run out. */
  private async returnQueued(): Promise<void> {
    const queued = Array.from(this.lanes.values(), (lane) => lane.stop()).flat();
    await this.due.unclaim(queued);
  }

  // ── From the saga host ──

  /** An attempt that is due now and may not be in the table yet. Without room it is ignored: the table has it later. */
  offer(attempt: ScheduleAttempt): void {
    if (!this.status.isRunning || !this.status.acceptsOffers) return;
    this.lane(attempt.subject.endpointId).offer(attempt);
  }

  /** The table shows these events now; `written` are the attempts that it gained. */
  committed(batch: readonly AppliedEvent[], written: readonly ScheduleAttempt[]): void {
    const end = batch.at(-1)?.position;
    if (end === undefined) return;
    this.status.appliedUpTo = end;
    for (const { progress } of batch) if (progress) this.lanes.get(progress.endpointId)?.applied(progress, end);
    const now = this.due.now();
    let nextAt = Number.POSITIVE_INFINITY;
    for (const { id, subject, dueAt, isUrgent } of written) {
      if (dueAt > now) nextAt = Math.min(nextAt, dueAt);
      else if (!this.lanes.get(subject.endpointId)?.tracks(id)) this.lane(subject.endpointId).checkTable(isUrgent);
    }
    this.scheduler.wakeAt(nextAt);
    for (const { type, stream } of batch) if (type === 'endpoint.deleted') this.lane(endpointIdIn(stream)).checkTable();
  }

  // ── From the table of due attempts: what other replicas did ──

  isTracked(attempt: Pick<ScheduleAttempt, 'id' | 'attempt' | 'subject'>): boolean {
    return this.lanes.get(attempt.subject.endpointId)?.tracksAttempt(attempt) ?? false;
  }

  attemptsDue(endpoints: readonly EndpointId[], nextAt: number | undefined, isUrgent = false): void {
    this.checkLanes(endpoints, () => isUrgent);
    if (nextAt !== undefined) this.scheduler.wakeAt(nextAt);
  }

  checkAllLanes(): void {
    this.scheduler.searchAll();
  }

  attemptsCancelled(endpointId: EndpointId, ids: readonly DeliveryOrBatchId[]): void {
    for (const id of ids) this.lanes.get(endpointId)?.cancel(id);
  }

  endpointsHeld(holds: readonly HoldEndpoint[]): void {
    for (const hold of holds) this.lane(hold.endpointId).hold(hold);
  }

  circuitsChanged(gates: readonly CircuitGate[]): void {
    for (const gate of gates) this.lane(gate.endpointId).followCircuit(gate);
  }

  slotsFreed(endpoints: readonly EndpointId[]): void {
    this.slots?.slotsFreed(endpoints);
  }

  slotsWanted(endpoints: readonly EndpointId[]): void {
    this.slots?.yieldHalf(endpoints);
  }

  // ── From the slots ──

  slotsChanged(id: EndpointId): void {
    this.lanes.get(id)?.pump();
  }

  slotsExhausted(id: EndpointId): void {
    this.lanes.get(id)?.slotsExhausted();
  }

  private checkLanes(endpoints: readonly EndpointId[], areUrgent: (id: EndpointId) => boolean): void {
    for (const id of endpoints) this.lane(id).checkTable(areUrgent(id));
  }

  private lane(id: EndpointId): Lane {
    let lane = this.lanes.get(id);
    if (!lane) {
      if (this.lanes.size >= mostIdleLanes) this.dropIdleLanes();
      lane = new Lane(id, this.context);
      this.lanes.set(id, lane);
    }
    return lane;
  }

  /** Looks at a few, the longest there first. Those that are in use go behind the others. */
  private dropIdleLanes(): void {
    const now = performance.now();
    let left = lanesLookedAt;
    for (const [id, lane] of this.lanes) {
      if (left-- === 0) return;
      this.lanes.delete(id);
      if (!lane.isIdle(now)) this.lanes.set(id, lane);
    }
  }
}
