// Delivery: from what the saga decides is due to recorded attempts, and the jobs: replays and bulk retries.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { CommandBus } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import type { DeliveryBacklog } from '../commands/delivery-backlog.ts';
import type { Config } from '../config.ts';
import { AttemptRunner } from '../delivery/attempts/attempt-runner.ts';
import { BatchCloser } from '../delivery/attempts/batch-closer.ts';
import { BulkRetrier } from '../delivery/bulk-retrier.ts';
import { dueBacklogs, waitingByEndpoint, waitingForTurn } from '../delivery/due-attempts/backlogs.ts';
import { DeliverySaga } from '../delivery/saga/delivery-saga.ts';
import { Dispatcher } from '../delivery/lanes/dispatcher.ts';
import type { DueAttempts } from '../delivery/due-attempts/due-attempts.ts';
import type { DueAttemptsSchema } from '../delivery/due-attempts/due-attempts-table.ts';
import { OwnDueAttempts } from '../delivery/due-attempts/own-due-attempts.ts';
import { LeasedDueAttempts } from '../delivery/due-attempts/leased-due-attempts.ts';
import { LocalFailure } from '../delivery/local-failure.ts';
import { PostponedAttempts } from '../delivery/postponed-attempts.ts';
import { jobsAtOnce } from '../delivery/job-runner.ts';
import { Replayer } from '../delivery/replayer.ts';
import { Turns } from '../turns.ts';
import type { RequestMaker } from '../delivery/attempts/request-maker.ts';
import type { SagaDecision } from '../delivery/saga/saga-decision.ts';
import { SagaHost } from '../delivery/saga/saga-host.ts';
import type { SendOutcome, SendRequest } from '../delivery/sender/send-outcome.ts';
import { Sender } from '../delivery/sender/sender.ts';
import { SharedClock } from '../delivery/due-attempts/shared-clock.ts';
import { SharedRates } from '../delivery/due-attempts/shared-rates.ts';
import { SharedSlots } from '../delivery/due-attempts/shared-slots.ts';
import type { AddressGuard } from '../delivery/sender/address-guard.ts';
import type { EndpointId, Position } from '../domain/ids.ts';
import { ConsumerRunner } from '../read-models/engine/consumer-runner.ts';
import { nothingHeld, type Metrics, type Waiting } from './metrics.ts';
import type { LogParts } from './open-log.ts';
import type { ReadModels } from './open-read-models.ts';

const drainAttemptsMs = 7_000;
/** The longest that an endpoint may have. */
const longestTimeoutSeconds = 300;
const sagaLingerMs = 250;

type DeliveryParts = {
  readonly guard: AddressGuard;
  readonly requests: RequestMaker;
  readonly commands: CommandBus;
  readonly metrics: Metrics;
  readonly backlog: DeliveryBacklog;
};

export class Delivery {
  /** Runs the delivery saga. */
  readonly saga: ConsumerRunner<DueAttemptsSchema, SagaDecision>;
  readonly dispatcher: Dispatcher;
  private readonly sender: Sender;
  /** Only where replicas share the work. */
  private readonly leased: LeasedDueAttempts | undefined;
  /** Only where replicas share the work. */
  private readonly slots: SharedSlots | undefined;
  private readonly due: DueAttempts;
  private readonly replayer: Replayer;
  private draining: Promise<void> | undefined;
  private readonly bulkRetrier: BulkRetrier;

  /** Long, as it names every part once and says what it is made of. */
  constructor(
    private readonly logParts: LogParts,
    readModels: ReadModels,
    { guard, requests, commands, metrics, backlog }: DeliveryParts,
    config: Config,
    log: Logger,
  ) {
    const { store, executor, directory, database, isShared } = logParts;
    const replica = `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`;
    this.sender = new Sender({
      guard,
      allowHttp: config.allowHttp,
      clock: () => new Date(),
      sent: (bytes) => metrics.sent(bytes),
      ...(config.ca && { ca: config.ca }),
    });
    const postponed = new PostponedAttempts(log, (reason) => metrics.postponed(reason));
    const runner = new AttemptRunner(
      store,
      executor,
      directory,
      this.sender,
      requests,
      (outcome) => (outcome instanceof LocalFailure ? postponed.add(outcome) : metrics.attempt(outcome)),
      isShared ? { repeated: () => metrics.repeated() } : undefined,
    );
    const clock = new SharedClock();
    if (isShared)
      this.leased = new LeasedDueAttempts(
        replica,
        () => this.saga.tables,
        store,
        (id) => this.longestAttempt(id),
        clock,
      );
    if (isShared)
      this.slots = new SharedSlots(
        replica,
        (id) => directory.endpoint(id)?.configuration.settings.maxConcurrency ?? config.sharedEndpointConcurrency,
        () => this.saga.tables,
        (id) => this.longestAttempt(id).timeoutMs,
        log,
        clock,
      );
    const due = (this.due = this.leased ?? new OwnDueAttempts(() => this.saga.read));
    const rates = isShared ? new SharedRates(() => this.saga.tables, clock) : undefined;
    this.dispatcher = new Dispatcher(
      due,
      directory,
      runner,
      new BatchCloser(store, executor, due),
      { ...config, backlog },
      log,
      this.slots,
      rates,
    );
    const host = new SagaHost(new DeliverySaga(), commands, due, this.dispatcher);
    this.saga = new ConsumerRunner(host, store, database, log, { lingerMs: sagaLingerMs });
    const { replays, bulkRetries, deliveries } = readModels.queries;
    const turns = new Turns(jobsAtOnce);
    this.replayer = new Replayer(store, executor, directory, replays, deliveries, log, turns);
    const saga = {
      isLive: () => this.saga.status().state === 'live',
      reached: (position: Position, timeoutMs: number) => this.saga.reached(position, timeoutMs),
      backlogs: (endpoints: readonly EndpointId[], most: number) => dueBacklogs(this.saga.read, endpoints, most, due.now()),
    };
    this.bulkRetrier = new BulkRetrier(store, executor, bulkRetries, deliveries, saga, log, turns);
  }

  /** Sends one request that is no attempt of a delivery. @throws LocalFailure */
  send(request: SendRequest): Promise<SendOutcome> {
    return this.sender.send(request);
  }

  /** Resolves once the saga follows the log, which is before it has caught up. */
  async open(opened: AsyncDisposableStack): Promise<void> {
    await this.saga.start();
    opened.defer(() => this.saga.stop());
    // Once drained, whatever still runs is not waited for: the next start repeats it.
    opened.defer(() => void this.sender.close());
    opened.defer(() => this.slots?.stop());
    opened.defer(() => this.drain());
    const { leased } = this;
    if (leased) {
      this.saga.tables.group?.listen({ onMessage: (what) => leased.receive(what) });
      await leased.join();
      this.dispatcher.takeFromTable();
    }
    this.replayer.start();
    this.bulkRetrier.start();
  }

  /** Begins nothing new from now on. Resolves once attempts in flight are recorded, or the time for it is over. */
  drain(): Promise<void> {
    return (this.draining ??= this.stopAll());
  }

  private async stopAll(): Promise<void> {
    this.leased?.stop();
    await Promise.all([this.replayer.stop(), this.bulkRetrier.stop(), this.dispatcher.stop(drainAttemptsMs)]);
  }

  /** The number of an endpoint's newest batch, as far as the table shows it; 0: it has none. */
  newestBatch(id: EndpointId): Promise<number> {
    return this.due.newestBatch(id);
  }

  /** For the metrics. */
  async waiting(): Promise<Waiting> {
    const { directory } = this.logParts;
    const db = this.saga.read;
    const [endpoints, order, gates] = await Promise.all([waitingByEndpoint(db), waitingForTurn(db), this.due.circuitGates()]);
    const open = new Set(gates.filter(({ circuit }) => circuit.state === 'OPEN').map(({ endpointId }) => endpointId));
    const deliveriesHeld = { ...nothingHeld, order };
    const found = { waiting: 0, held: 0, oldestDueSeconds: 0, deliveriesHeld };
    for (const { endpoint_id, count, deliveries, due_at } of endpoints) {
      if (directory.isHeld(endpoint_id)) {
        const status = directory.endpoint(endpoint_id)?.configuration.status;
        deliveriesHeld[status === 'PAUSED' ? 'paused' : status === 'DISABLED' ? 'disabled' : 'suspended'] += deliveries;
        found.held += count;
      } else {
        if (open.has(endpoint_id)) deliveriesHeld.circuit += deliveries;
        found.waiting += count;
        found.oldestDueSeconds = Math.max(found.oldestDueSeconds, (this.due.now() - due_at) / 1_000);
      }
    }
    return found;
  }

  /** How long an attempt at an endpoint may take once it is claimed. */
  private longestAttempt(id: EndpointId): { readonly gatheringMs: number; readonly timeoutMs: number } {
    const settings = this.logParts.directory.endpoint(id)?.configuration.settings;
    return {
      gatheringMs: settings?.batch?.maxWaitMs ?? 0,
      timeoutMs: (settings?.timeoutSeconds ?? longestTimeoutSeconds) * 1_000,
    };
  }
}
