// The service: every part, opened from the inside out and closed from the outside in.
//
//   log → endpoint directory → views, delivery saga → dispatcher, sealer → sources → API
//
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestFactory } from '@nestjs/core';
import { CommandBus } from '@nestjs/cqrs';
import { sql, type Kysely } from 'kysely';
import type { Logger } from 'pino';
import { AppModule } from './app.module.ts';
import { createHttpAdapter } from '../api/http.ts';
import { Sealer } from '../proof/sealing/sealer.ts';
import { openSealingKey } from '../proof/sealing/sealing-key.ts';
import { CommandExecutor } from '../commands/command-executor.ts';
import { hashOfKey, newKey } from '../commands/organization-commands.ts';
import { newOrganizationKey } from '../commands/signing-secrets.ts';
import type { Config } from '../config.ts';
import { addressGuard } from '../delivery/address-guard.ts';
import { AttemptRunner } from '../delivery/attempt-runner.ts';
import { BatchCloser } from '../delivery/batch-closer.ts';
import { DeliverySaga } from '../delivery/delivery-saga.ts';
import { Dispatcher } from '../delivery/lanes/dispatcher.ts';
import { OwnDueAttempts, type DueAttemptsSchema } from '../delivery/due-attempts.ts';
import { LeasedDueAttempts } from '../delivery/leased-due-attempts.ts';
import { availableFormats } from '../delivery/formats/format.ts';
import { TemplateProcesses } from '../delivery/formats/template-processes.ts';
import { checkTemplate } from '../delivery/formats/template.ts';
import { Replayer } from '../delivery/replayer.ts';
import { RequestMaker } from '../delivery/request-maker.ts';
import { SagaHost, type SagaDecision } from '../delivery/saga-host.ts';
import { Sender } from '../delivery/sender.ts';
import { SharedSlots } from '../delivery/shared-slots.ts';
import { apiKey } from '../domain/api-key.ts';
import type { ApiKeyId, OrganizationId } from '../domain/ids.ts';
import { organization, type OrganizationCommand } from '../domain/organization.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { openLog } from '../event-store/open-log.ts';
import { logFingerprint } from '../event-store/log-fingerprint.ts';
import { lockFolder } from '../event-store/sqlite/log-file.ts';
import { nestLog } from '../log.ts';
import { Metrics } from './metrics.ts';
import { ConsumerRunner } from '../read-models/engine/consumer-runner.ts';
import type { Database } from '../read-models/engine/database/database.ts';
import { locationForLog, openDatabase } from '../read-models/engine/database/open.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import type { ResolvedEndpoint } from '../read-models/directory/resolved-endpoint.ts';
import { HistoryQueries } from '../read-models/history/history-queries.ts';
import { LiveDeliveries } from '../read-models/views/live-deliveries.ts';
import { viewQueries } from '../read-models/queries/view-queries.ts';
import type { ViewsSchema } from '../read-models/views/schema.ts';
import { ViewsThread } from '../read-models/views/views-thread.ts';
import { masterKeyIn } from '../secrets/master-key.ts';
import { Vault } from '../secrets/vault.ts';
import { SourceRunner } from '../sources/source-runner.ts';
import { apiKeyStream, organizationStream } from '../domain/streams.ts';

/** There is one organization until more can be registered. */
export const defaultOrganization = 'default' as OrganizationId;

const drainAttemptsMs = 7_000;
/** That an endpoint may have. */
const longestTimeoutSeconds = 300;
/** Sources wait for the views, a while at a time. */
const longestCatchUpMs = 10_000;

/** A service that listens. */
export type Running = {
  readonly url: string;
  /** Generated at the first start where the configuration names none. */
  readonly newAdminKey?: string | undefined;
  /** Where it is not what is: a phrase. */
  readonly shows?: string;
  readonly stop: () => Promise<void>;
};

export class Service implements Running {
  private constructor(
    readonly url: string,
    readonly newAdminKey: string | undefined,
    readonly stop: () => Promise<void>,
  ) {}

  /** @throws LogUnusable, DatabaseUnusable, MasterKeyUnusable, SecretUnreadable, or the error of listening; nothing stays open then. */
  static async start(config: Config, version: string, log: Logger): Promise<Service> {
    const closing: (() => Promise<unknown>)[] = [];
    const stop = async () => {
      for (const close of closing.toReversed()) await close();
    };
    try {
      // 1. The log, the database that follows it, and who is in it.
      if (config.log.kind !== 'embedded') {
        const lock = lockFolder(config.dataDir); // the embedded log takes the folder for itself
        closing.push(async () => lock.close());
      }
      const { store, id: logId, foreign } = await openLog(config.log, log);
      closing.push(() => store.close());
      const location = locationForLog(config.database, logId);
      const database = openDatabase(location, log);
      if (config.log.kind !== 'embedded' && location.kind === 'sqlite')
        log.warn(
          'The log is on a server, and what is due in this data folder: run one process on this log, as two would each send everything. With HOOKLEDGER_DATABASE_URL any number may run.',
        );
      const origin = await haveFollowed(store, database);
      const vault = new Vault(config.masterKey ?? masterKeyIn(config.dataDir));
      const executor = new CommandExecutor(store);
      const directory = new EndpointDirectory(store, vault);
      await directory.start();
      closing.push(() => directory.stop());
      const newAdminKey = await setUp(config, executor, directory, vault);
      if (directory.failure) throw directory.failure; // another replica was first, under another master key
      if (origin === undefined) await haveFollowed(store, database);
      const key = await openSealingKey(executor, store, vault);

      // 2. The read models.
      const queries = viewQueries(() => views.read);
      const live = new LiveDeliveries(async (organization, id) =>
        (await queries.deliveries.ofBatch(organization, id)).map((delivery) => ({
          ...delivery,
          deliveryId: delivery.id,
          organizationId: organization,
        })),
      );
      const { logLevel } = config;
      const views: ViewsThread = new ViewsThread(store, database, live, log, { address: config.log, database: location, logLevel });

      // 3. Delivery. The saga's host and the dispatcher know each other: what is due goes one way, what is recorded the other.
      const metrics = new Metrics();
      const guard = addressGuard(config.allowPrivateNetworks);
      const sender = new Sender({ guard, clock: () => new Date(), ...(config.ca && { ca: config.ca }) });
      const templates = new TemplateProcesses();
      closing.push(async () => templates.close());
      const requests = new RequestMaker(templates, `Hookledger/${version}`);
      const isShared = location.kind === 'postgres' && location.shared === true;
      const replica = isShared ? `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}` : '';
      const among = isShared ? { repeated: () => metrics.repeated() } : undefined;
      const runner = new AttemptRunner(store, executor, directory, sender, requests, (outcome) => metrics.attempt(outcome), among);
      const leased = isShared
        ? new LeasedDueAttempts(
            replica,
            () => deliveries.tables,
            store,
            (id) => longestOf(directory.endpoint(id)),
          )
        : undefined;
      const due = leased ?? new OwnDueAttempts(() => deliveries.read);
      const { sharedEndpointConcurrency: bound } = config;
      const slots =
        isShared && bound !== undefined
          ? new SharedSlots(
              replica,
              bound,
              () => deliveries.tables,
              (id) => longestOf(directory.endpoint(id)).timeoutMs,
              log,
            )
          : undefined;
      const sealing = { log: config.log, mostEvents: config.sealEvents, everyMs: config.sealSeconds * 1_000, logLevel: config.logLevel };
      const sealer = new Sealer(store, executor, key, sealing, log);
      const statuses = () => [views.status(), deliveries.status(), sealer.status()];
      const dispatcher = new Dispatcher(due, directory, runner, new BatchCloser(store, executor, due), config, log, slots);
      const app = await NestFactory.create<NestFastifyApplication>(
        AppModule.of({
          store,
          settings: {
            allowHttp: config.allowHttp,
            checkHost: guard.checkUrlHost,
            checkTemplate,
            formats: availableFormats,
          },
          executor,
          directory,
          requests,
          queries,
          history: new HistoryQueries(() => views.read, queries, store),
          foreign,
          runningSources: { status: (id) => sources.status(id), look: () => sources.look() },
          live,
          registry: metrics.registry,
          readiness: {
            log: async () => ({ tip: await store.tip() }),
            ...(config.database.kind === 'sqlite' ? {} : { database: () => serverOf(views.read) }),
            consumers: statuses,
          },
          viewsProgress: views,
          log,
        }),
        createHttpAdapter(config.rateLimit),
        { logger: nestLog(log), abortOnError: false },
      );
      const deliveries: ConsumerRunner<DueAttemptsSchema, SagaDecision> = new ConsumerRunner(
        new SagaHost(new DeliverySaga(), app.get(CommandBus), due, dispatcher),
        store,
        database,
        log,
        { lingerMs: 250 },
      );
      const replayer = new Replayer(store, executor, directory, queries.replays, queries.deliveries, log);
      const atStart = await store.tip();
      const sources: SourceRunner = new SourceRunner(
        queries.sources,
        async () => atStart === undefined || views.reached(atStart, longestCatchUpMs),
        () => deliveries.status().state !== 'elsewhere',
        {
          foreign,
          store,
          executor,
          commands: app.get(CommandBus),
          evaluate: (owner, template, event) => templates.evaluate(owner, template, event),
          log,
          count: (source, outcome, events) => metrics.sourceEvents(source, outcome, events),
        },
      );
      metrics.observe({
        consumers: statuses,
        requestsInFlight: () => dispatcher.requestsInFlight,
        sources: () => sources.statuses(),
      });

      // 4. Start: what reads the log first, what lets requests in last.
      await views.start();
      closing.push(() => views.stop());
      await deliveries.start();
      closing.push(
        () => deliveries.stop(),
        () => sender.close(),
        async () => slots?.stop(),
        () => dispatcher.stop(drainAttemptsMs),
      );
      if (leased) {
        closing.push(async () => leased.stop());
        deliveries.tables.group?.listen({ onMessage: (what) => leased.receive(what) });
        dispatcher.takeFromTable();
      }
      sealer.start();
      closing.push(() => sealer.stop());
      log.info({ publicKey: key.publicKey }, `The log is sealed with the key ${key.publicKey}.`);
      replayer.start();
      closing.push(() => replayer.stop());
      sources.start();
      closing.push(() => sources.stop());
      closing.push(() => app.close());
      await app.listen(config.port, config.host);
      return new Service(await app.getUrl(), newAdminKey, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }
}

/** @returns the log's origin; undefined while it is empty */
const haveFollowed = async (store: EventStore, database: Database): Promise<string | undefined> => {
  for (;;) {
    const origin = await logFingerprint(store);
    try {
      await database.bindTo({ origin, tip: () => store.tip() });
      return origin;
    } catch (error) {
      // Another replica may have begun the log in this moment.
      if (origin !== undefined || (await logFingerprint(store)) === undefined) throw error;
    }
  }
};

/** How long an attempt may take once it is claimed. */
const longestOf = (endpoint: ResolvedEndpoint | undefined) => {
  const { batch, timeoutSeconds } = endpoint?.configuration.settings ?? { batch: null, timeoutSeconds: longestTimeoutSeconds };
  return { gatheringMs: batch?.maxWaitMs ?? 0, timeoutMs: timeoutSeconds * 1000 };
};

/** What readiness tells of PostgreSQL. */
const serverOf = async (read: Kysely<ViewsSchema>) => {
  const { rows } = await sql<{ server: string }>`SELECT 'PostgreSQL ' || current_setting('server_version') AS server`.execute(read);
  return { server: rows[0]?.server };
};

/** At the first start: the organization, its signing key and its first admin key. @returns the key, where one was made */
const setUp = async (
  config: Config,
  executor: CommandExecutor,
  directory: EndpointDirectory,
  vault: Vault,
): Promise<string | undefined> => {
  const isNew = directory.organization(defaultOrganization) === undefined;
  const cause = { actor: 'system:setup', commandId: 'setup' };
  const onOrganization = async (command: OrganizationCommand) => {
    const { position } = await executor.execute({ stream: organizationStream(defaultOrganization), decider: organization, command }, cause);
    if (position) await directory.progress.reached(position, 10_000);
  };
  if (isNew) await onOrganization({ type: 'RegisterOrganization', name: 'Default', encryptionKey: vault.newKey() });
  // Logs from before organizations had a signing key are given one, too.
  const known = directory.organization(defaultOrganization);
  if (known?.signingKey === null) await onOrganization({ type: 'SetFirstSigningKey', key: known.keyring.seal(newOrganizationKey()) });
  const made = isNew && config.adminKey === undefined ? newKey() : undefined;
  const key = config.adminKey ?? made;
  if (key === undefined) return undefined;
  const hash = hashOfKey(key);
  const command = { type: 'IssueApiKey', organizationId: defaultOrganization, name: 'admin', role: 'ADMIN', hash } as const;
  // The id follows from the key, so that a configured key is issued once, and stays revoked once it was.
  const { position } = await executor.execute({ stream: apiKeyStream(hash.slice(0, 32) as ApiKeyId), decider: apiKey, command }, cause);
  if (position) await directory.progress.reached(position, 10_000);
  return made;
};
