// The bulk retrier: carries out running bulk retries, where the delivery saga runs, from the progress that the log has. Endpoints take turns, and each is
// given no more than it gets through at once, so new messages wait behind few retries.
// Guarantee: a delivery's state names the bulk retries that have retried it, so each retries it once, also after a crash.
import type { BaseLogger } from 'pino';
import { executeOnEach } from '../commands/delivery-commands.ts';
import type { Cause, CommandExecutor } from '../commands/command-executor.ts';
import { bulkRetry, type BulkRetry, type BulkRetryCommand, type BulkRetryEvent } from '../domain/bulk-retry.ts';
import type { BulkRetryId, DeliveryId, EndpointId, OrganizationId, Position } from '../domain/ids.ts';
import { bulkRetryStream } from '../domain/streams.ts';
import { foldStream, type EventStore, type RecordedEvent } from '../event-store/event-store.ts';
import type { BulkRetryQueries } from '../read-models/queries/bulk-retry-queries.ts';
import type { DeliveryQueries } from '../read-models/queries/delivery-queries.ts';
import type { DeliverySubjectView } from '../read-models/queries/delivery-view.ts';
import type { JobFilter } from '../read-models/queries/matching-deliveries.ts';
import { Backoff } from '../backoff.ts';
import { BulkRetryPace, largestPage } from './bulk-retry-pace.ts';
import { Turns } from '../turns.ts';
import { JobRunner, jobsAtOnce } from './job-runner.ts';
import { retryUntilLogAvailable } from './retry-until-log-available.ts';

/** What it needs of the delivery saga, whose table says what waits. */
export type SagaProgress = {
  /** Whether this process runs the saga, and the table shows all that the log had at the start. */
  readonly isLive: () => boolean;
  readonly reached: (position: Position, timeoutMs: number) => Promise<boolean>;
  /** How many attempts of each endpoint wait, counted up to `most`. */
  readonly backlogs: (endpoints: readonly EndpointId[], most: number) => Promise<ReadonlyMap<EndpointId, number>>;
};

/** Deliveries per append. */
const perAppend = 200;
/** Endpoints whose backlog is looked at in one query. */
const perRound = 50;
const reachedWithinMs = 5_000;

export class BulkRetrier {
  private readonly jobs: JobRunner<BulkRetryId>;

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly executor: Pick<CommandExecutor, 'execute' | 'executeAll'>,
    bulkRetries: Pick<BulkRetryQueries, 'running'>,
    private readonly deliveries: Pick<DeliveryQueries, 'countMatching' | 'oldestMatching'>,
    private readonly saga: SagaProgress,
    log: Pick<BaseLogger, 'info' | 'warn'>,
    /** At the steps of jobs. */
    private readonly turns = new Turns(jobsAtOnce),
  ) {
    const running = async () => (saga.isLive() ? bulkRetries.running() : []);
    this.jobs = new JobRunner({ name: 'bulk retry', running, carryOut: (id) => this.carryOut(id) }, log);
  }

  start(): void {
    this.jobs.start();
  }

  /** Finishes the running steps. The bulk retries continue at the next start. */
  stop(): Promise<void> {
    return this.jobs.stop();
  }

  private get isOurs(): boolean {
    return !this.jobs.isStopping && this.saga.isLive();
  }

  private async carryOut(id: BulkRetryId): Promise<void> {
    // 1. Load it. After a crash, the last retries that its progress counts may be missing.
    const run = await BulkRetryRun.load(id, this.store, this.executor);
    if (!run) return;
    for (const [endpointId, { from, to }] of run.lastPages) {
      if (!this.isOurs) return;
      const page = await this.deliveries.oldestMatching(run.organizationId, endpointId, run.filter, { after: from, upTo: to }, largestPage);
      await run.retry(page);
    }
    // 2. Go through the endpoints in turns, each at its own pace.
    const counts = await this.deliveries.countMatching(run.organizationId, run.filter);
    const pace = new BulkRetryPace(counts.map(({ endpointId }) => endpointId));
    const backoff = new Backoff({ firstMs: 250, longestMs: 2_000 });
    while (pace.size > 0) {
      let retried = 0;
      for (const endpoints of pace.rounds(perRound)) {
        const backlogs = await this.saga.backlogs(endpoints, largestPage);
        for (const endpointId of endpoints) {
          const room = pace.room(endpointId, backlogs.get(endpointId) ?? 0);
          if (room === 0) continue;
          if (!this.isOurs || !(await run.isRunning())) return;
          const step = await this.turns.run(`${run.organizationId}/${id}`, () => this.step(run, endpointId, room));
          if (step === 'ended') return;
          if (step === 0) pace.finished(endpointId);
          retried += step;
        }
      }
      // 3. What was retried waits in the table now, or is under way.
      if (run.position !== undefined) await this.saga.reached(run.position, reachedWithinMs);
      if (retried > 0) backoff.reset();
      else if (pace.size > 0) await this.jobs.pause(backoff.next());
      if (!this.isOurs || !(await run.isRunning())) return;
    }
    await run.finish();
  }

  /** Retries a page of an endpoint. @returns how many; `ended`: it was cancelled, or goes on elsewhere */
  private async step(run: BulkRetryRun, endpointId: EndpointId, room: number): Promise<number | 'ended'> {
    const page = await this.deliveries.oldestMatching(run.organizationId, endpointId, run.filter, run.spanOf(endpointId), room);
    return page.length === 0 || (await run.progress(endpointId, page)) ? page.length : 'ended';
  }
}

type Page = { readonly from: DeliveryId | undefined; readonly to: DeliveryId };

/** One bulk retry as this process carries it out. */
class BulkRetryRun {
  readonly organizationId: OrganizationId;
  readonly filter: JobFilter;
  /** The last part of each endpoint's deliveries that its progress counts. */
  readonly lastPages = new Map<EndpointId, Page>();
  /** Of the last retry. */
  position: Position | undefined;
  private state: BulkRetry = bulkRetry.initial;
  private revision = -1;
  private readonly cause: Cause;

  private constructor(
    private readonly id: BulkRetryId,
    requested: RecordedEvent<Extract<BulkRetryEvent, { type: 'bulkretry.requested' }>>,
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly executor: Pick<CommandExecutor, 'execute' | 'executeAll'>,
  ) {
    const { organizationId, filter } = requested.data;
    const { since, until, ...rest } = filter;
    // Only messages accepted before it was requested, by the clock of the log.
    const end = Math.min(Date.parse(requested.recordedAt) + 1, until === undefined ? Infinity : Date.parse(until));
    this.organizationId = organizationId;
    this.filter = { ...rest, ...(since !== undefined && { since: new Date(since) }), until: new Date(end) };
    const { correlationId } = requested.metadata;
    const because = { causationId: requested.id, ...(correlationId === undefined ? {} : { correlationId }) };
    this.cause = { actor: 'system:bulk-retrier', commandId: id, ...because };
  }

  /** @returns undefined if it has ended */
  static async load(
    id: BulkRetryId,
    store: Pick<EventStore, 'readStream'>,
    executor: Pick<CommandExecutor, 'execute' | 'executeAll'>,
  ): Promise<BulkRetryRun | undefined> {
    const [requested] = await retryUntilLogAvailable(() => store.readStream(bulkRetryStream(id), { upTo: 0 }));
    if (requested?.type !== 'bulkretry.requested') return undefined;
    const run = new BulkRetryRun(id, requested, store, executor);
    return (await run.isRunning()) ? run : undefined;
  }

  /** Reads what the log has gained: a person may have cancelled it. */
  async isRunning(): Promise<boolean> {
    const events = await retryUntilLogAvailable(() => this.store.readStream(bulkRetryStream(this.id), { from: this.revision + 1 }));
    this.state = foldStream({ ...bulkRetry, initial: this.state }, events);
    this.revision = events.at(-1)?.revision ?? this.revision;
    for (const { type, data } of events)
      if (type === 'bulkretry.progressed')
        this.lastPages.set(data.endpointId, { from: this.lastPages.get(data.endpointId)?.to, to: data.after });
    return this.state.status === 'running';
  }

  /** The endpoint's deliveries that it has not looked at. */
  spanOf(endpointId: EndpointId): { readonly after: DeliveryId | undefined } {
    return { after: this.lastPages.get(endpointId)?.to };
  }

  /** Counts the deliveries, then retries them. @returns false if it was cancelled or has progressed elsewhere */
  async progress(endpointId: EndpointId, page: readonly DeliverySubjectView[]): Promise<boolean> {
    const last = page.at(-1);
    if (!last || this.state.status === 'unknown') return false;
    const { steps: step } = this.state;
    const counted = await this.decide({ type: 'Progress', now: new Date(), step, endpointId, after: last.id, retried: page.length });
    if (!counted) return false;
    await this.retry(page);
    return true;
  }

  async retry(page: readonly DeliverySubjectView[]): Promise<void> {
    const command = { type: 'RequestRetry', now: new Date(), bulkRetryId: this.id } as const;
    for (let at = 0; at < page.length; at += perAppend) {
      const part = page.slice(at, at + perAppend);
      for (const { position } of await retryUntilLogAvailable(() => executeOnEach(this.executor, part, command, this.cause)))
        if (position !== undefined && position > (this.position ?? '')) this.position = position;
    }
  }

  async finish(): Promise<void> {
    await this.decide({ type: 'Finish', now: new Date() });
  }

  /** @returns whether it decided something */
  private async decide(command: BulkRetryCommand): Promise<boolean> {
    const expected = { state: this.state, revision: this.revision, isCertain: true } as const;
    const stream = bulkRetryStream(this.id);
    const { events } = await retryUntilLogAvailable(() =>
      this.executor.execute({ stream, decider: bulkRetry, command, expected }, this.cause),
    );
    await this.isRunning();
    return events.length > 0;
  }
}
