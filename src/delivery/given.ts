// Given one life of a process that delivers, on a log and a folder that outlive it: the fixture of the simulation.
import { setTimeout as delay } from 'node:timers/promises';
import { CommandExecutor } from '../commands/command-executor.ts';
import { LogUnavailable, type EventStore } from '../event-store/event-store.ts';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.ts';
import { ConsumerRunner } from '../read-models/engine/consumer-runner.ts';
import { SqliteDatabase } from '../read-models/engine/database/sqlite.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { Vault } from '../secrets/vault.ts';
import { AttemptRunner } from './attempts/attempt-runner.ts';
import { RequestMaker } from './attempts/request-maker.ts';
import { DeliverySaga } from './saga/delivery-saga.ts';
import { DisableDeadEndpoint, DisableGoneEndpoint, PublishNotice } from './saga/saga-commands.ts';
import { DisableGoneEndpointHandler } from './saga/disable-endpoints.ts';
import { BatchCloser } from './attempts/batch-closer.ts';
import { Dispatcher } from './lanes/dispatcher.ts';
import type { DueAttemptsSchema } from './due-attempts/due-attempts-table.ts';
import { OwnDueAttempts } from './due-attempts/own-due-attempts.ts';
import type { SagaDecision } from './saga/saga-decision.ts';
import { SagaHost } from './saga/saga-host.ts';
import type { SendOutcome, SendRequest } from './sender/send-outcome.ts';

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export const randomFrom = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

const never = () => new Promise<never>(() => undefined);

export type Sent = { readonly messageId: string; readonly url: string; readonly attempt: string; readonly session: number };

/** One life of the process: everything in memory, on a log and a folder that outlive it. */
export class Session {
  crashed = false;
  private readonly end = Promise.withResolvers<never>();
  readonly directory: EndpointDirectory;
  readonly executor: CommandExecutor;
  private readonly runner: ConsumerRunner<DueAttemptsSchema, SagaDecision>;
  private dispatcher: Dispatcher | undefined;

  constructor(
    store: SqliteEventStore,
    vault: Vault,
    folder: string,
    private readonly random: () => number,
    private readonly send: (request: SendRequest) => Promise<SendOutcome>,
    failed: (...what: unknown[]) => void,
  ) {
    this.end.promise.catch(() => undefined);
    const log = { info: () => {}, warn: () => {}, error: (...what: unknown[]) => this.crashed || failed(...what) };
    const living: EventStore = {
      append: async (writes) => {
        await this.live(undefined);
        if (random() < 0.03) throw new LogUnavailable('The disk is full.');
        const appended = await this.live(store.append(writes));
        if (random() < 0.05) throw new LogUnavailable('The answer was lost.');
        if (random() < 0.2) await delay(random() * 30); // the follower may be first
        return this.live(appended);
      },
      readStream: (stream, range) => this.live(store.readStream(stream, range)),
      follow: (after, options) => store.follow(after, options),
      followConfiguration: (after, options) => store.followConfiguration(after, options),
      tip: () => store.tip(),
      close: async () => undefined,
    };
    this.executor = new CommandExecutor(living);
    this.directory = new EndpointDirectory(living, vault, log);
    const gone = new DisableGoneEndpointHandler(this.executor, this.directory);
    const commands = {
      execute: async (command: unknown) => {
        if (command instanceof DisableDeadEndpoint || command instanceof PublishNotice) return; // no endpoint asks for either
        if (!(command instanceof DisableGoneEndpoint)) throw new TypeError('The saga decided something else.');
        await Promise.race([gone.execute(command), this.end.promise]);
      },
    };
    const due = new OwnDueAttempts(() => this.runner.tables.read);
    const lazily = {
      offer: (...args: Parameters<Dispatcher['offer']>) => this.dispatcher?.offer(...args),
      committed: (...args: Parameters<Dispatcher['committed']>) => this.dispatcher?.committed(...args),
      endpointsHeld: (...args: Parameters<Dispatcher['endpointsHeld']>) => this.dispatcher?.endpointsHeld(...args),
      circuitsChanged: (...args: Parameters<Dispatcher['circuitsChanged']>) => this.dispatcher?.circuitsChanged(...args),
      refuseOffers: () => this.dispatcher?.refuseOffers(),
      acceptOffers: () => {
        const attempts = new AttemptRunner(
          living,
          this.executor,
          this.directory,
          { send: (request) => this.post(request), prepare: () => true },
          new RequestMaker({ evaluate: () => Promise.reject(new Error('There are no templates here.')) }, 'test'),
          () => {},
        );
        this.dispatcher = new Dispatcher(
          due,
          this.directory,
          attempts,
          new BatchCloser(living, this.executor, due),
          { concurrency: 12, endpointConcurrency: 6 },
          log,
        );
        this.dispatcher.acceptOffers();
      },
    };
    const host = new SagaHost(new DeliverySaga(), commands as ConstructorParameters<typeof SagaHost>[1], due, lazily);
    this.runner = new ConsumerRunner(host, store, new SqliteDatabase(folder, log), log, { maxBatch: 1 + Math.floor(random() * 50) });
  }

  async start() {
    await this.directory.start();
    await this.runner.start();
  }

  /** Nothing of what is in memory happens any more: requests and appends under way are never answered. */
  async crash() {
    this.crashed = true;
    this.end.reject(new Error('The process has crashed.'));
    await this.dispatcher?.stop(0);
    await this.runner.stop();
    await this.directory.stop();
  }

  async waiting() {
    const db = this.runner.tables.read;
    const due = await db.selectFrom('due_attempts').select('id').execute();
    return [...due, ...(await db.selectFrom('ordered_deliveries').select('id').execute())];
  }

  caughtUp(position: Awaited<ReturnType<EventStore['tip']>>) {
    return position === undefined ? true : this.runner.reached(position, 5000);
  }

  private async live<T>(work: T): Promise<Awaited<T>> {
    if (this.crashed) return never();
    const result = await work;
    return this.crashed ? never() : result;
  }

  private async post(request: SendRequest): Promise<SendOutcome> {
    const outcome = this.send(request);
    await delay(this.random() ** 3 * 30);
    return this.live(outcome);
  }
}
