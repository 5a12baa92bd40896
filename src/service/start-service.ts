// The service: opens its parts in order, and closes them in the reverse order.
//
//   log → what a first start writes → listen → views → delivery → sealing → sources → serve
//
// Every opened part registers how to close it at once, so that a start that fails half-way leaves nothing open.
import type { CommandBus, ICommand } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { ClosedBatches } from '../commands/closed-batches.ts';
import { DeliveryBacklog } from '../commands/delivery-backlog.ts';
import { IntakeQueue } from '../commands/intake-queue.ts';
import { OrganizationGate } from '../commands/organization-gate.ts';
import { PublishMessages, type PublishedMessage } from '../commands/publish-messages.ts';
import { PublishRefused } from '../commands/publish-refused.ts';
import { PublishToOrganizations, type PublishedToOrganizations } from '../commands/publish-to-organizations.ts';
import type { Config } from '../config.ts';
import { addressGuard } from '../delivery/sender/address-guard.ts';
import { TemplateProcesses } from '../delivery/formats/template-processes.ts';
import { RequestMaker } from '../delivery/attempts/request-maker.ts';
import { Sealer } from '../proof/sealing/sealer.ts';
import { openSealingKey } from '../proof/sealing/sealing-key.ts';
import { Arrivals } from '../read-models/directory/arrivals.ts';
import { SourceOrganizations } from '../sources/source-organizations.ts';
import { SourceRunner } from '../sources/source-runner.ts';
import { openCommands } from './commands.module.ts';
import { portalKeyPurpose } from '../api/auth/portal-token.ts';
import { olderSpanningKeys, prepareLog } from './first-start.ts';
import { Metrics } from './metrics.ts';
import { installationOf, openApi, settingsOptions, type ApiParts } from './open-api.ts';
import { Delivery } from './open-delivery.ts';
import { openLog, type LogParts, type StartOptions } from './open-log.ts';
import { Readiness } from './readiness.ts';
import { rewrapKeys } from './rewrap-keys.ts';
import { ContentsThread } from '../read-models/contents/contents-thread.ts';
import { ReadModels, viewsInThread } from './open-read-models.ts';
import { watchVitality } from './vitality.ts';

/** Sources wait for the views, a while at a time, as the process may end meanwhile. */
const catchUpCheckMs = 1_000;

/** A service that listens. */
export type RunningService = {
  readonly url: string;
  /** Generated at the first start, unless the configuration names one. */
  readonly newAdminKey?: string | undefined;
  /** What it shows instead of the present, as a phrase. */
  readonly shows?: string;
  /** Resolves once everything is open. Until then it takes messages, and other requests wait. Rejects as a start does; nothing stays open then. */
  readonly whenOpen: Promise<void>;
  /** Finishes what is under way and closes everything. */
  readonly stop: () => Promise<void>;
};

/** @throws FolderUnusable, LogUnusable, DatabaseUnusable, MasterKeyUnusable, AdminKeyReplaced, SecretUnreadable, or the error of listening; nothing stays open then */
export const startService = async (config: Config, version: string, log: Logger, options: StartOptions = {}): Promise<RunningService> => {
  await using opening = new AsyncDisposableStack();

  // 1. The log, its directory, and what a first start writes.
  const logParts = await openLog(config, log, opening, options);
  const newAdminKey = await prepareLog(logParts, config.adminKey);
  const older = olderSpanningKeys(logParts);
  if (older !== undefined) log.info(older);
  if (config.previousMasterKey && config.log.kind === 'embedded') await rewrapAtStart(logParts, log);

  // 2. Put the other parts together. Nothing of them is open yet.
  const parts = await assemble(config, version, logParts, log, opening);

  // 3. Listen. Publishing needs no more than the log.
  const api = await openApi(parts.api, config, log, opening);

  // 4. Open the rest; last, let all requests in.
  const opened = opening.move();
  const whenOpen = closedOnFailure(opened, async () => {
    await parts.readModels.open(opened);
    await parts.delivery.open(opened);
    opened.use(parts.gate.watchWaiting((least) => parts.readModels.queries.organizationList.withWaiting(least)));
    parts.sealer.start();
    opened.defer(() => parts.sealer.stop());
    log.info({ publicKey: parts.publicKey }, `The log is sealed with the key ${parts.publicKey}.`);
    parts.sources.start();
    opened.defer(() => parts.sources.stop());
    api.serve(opened);
    if (options.onFailure) opened.defer(watchVitality(parts.vitality, options.onFailure));
  });
  const stop = async () => {
    // From here on nothing begins, neither a request nor an attempt, however long the rest takes to close.
    const closed = api.close(parts.delivery.drain());
    await whenOpen.catch(() => undefined);
    await Promise.all([closed, parts.sources.stop()]);
    await opened.disposeAsync();
  };
  return { url: api.url, newAdminKey, whenOpen, stop };
};

/** Nobody else can write the embedded log, so there is no replica to wait for. */
const rewrapAtStart = async (logParts: LogParts, log: Logger): Promise<void> => {
  const { rewrapped, sealingKey, failed } = await rewrapKeys(logParts);
  for (const [organization, reason] of failed)
    log.error({ organization }, `The organization ${organization} keeps its wrapped keys. ${reason}`);
  if (rewrapped > 0 || sealingKey) log.info(`Re-wrapped the keys of ${rewrapped} organizations and of the seals by the new master key.`);
  if (failed.length === 0) log.info('All keys are wrapped by HOOKLEDGER_MASTER_KEY: HOOKLEDGER_MASTER_KEY_PREVIOUS can be unset.');
};

/** Long, as it names every part once and says what it is made of. */
const assemble = async (config: Config, version: string, logParts: LogParts, log: Logger, opening: AsyncDisposableStack) => {
  const { store, executor, directory, vault, foreign } = logParts;
  const metrics = new Metrics();
  const guard = addressGuard(config.allowPrivateNetworks);
  const templates = new TemplateProcesses();
  opening.defer(() => templates.close());
  const requests = new RequestMaker(templates, `Hookledger/${version}`);
  const readModels = new ReadModels(logParts, log, viewsInThread(logParts, config, log));
  const backlog = new DeliveryBacklog();
  const intake = new IntakeQueue(backlog);
  const gate = new OrganizationGate(directory, config.organizationLimits);
  gate.onRefused = (id, messages) => readModels.organizationRefusals.record(id, messages);
  const closedBatches = new ClosedBatches(store, readModels.views);
  const commands = countAccepted(await openCommands({ log: logParts, readModels, intake, gate, closedBatches }, log, opening), metrics);
  logParts.appends.onEnd = (outcome, seconds) => metrics.appended(outcome, seconds);
  const delivery = new Delivery(logParts, readModels, { guard, requests, commands, metrics, backlog }, config, log);
  closedBatches.newestOf = (id) => delivery.newestBatch(id);
  const sealingKey = await openSealingKey(executor, store, vault);
  const sealer = new Sealer(store, executor, sealingKey, sealerOptions(config), log);
  const sources = new SourceRunner(
    readModels.queries.sources,
    () =>
      readModels.firstBuild.pass(catchUpCheckMs).then(
        () => true,
        () => false,
      ),
    () => delivery.saga.status().state !== 'elsewhere',
    {
      foreign,
      store,
      executor,
      commands,
      organizations: new SourceOrganizations(new Arrivals(store, directory), commands),
      evaluate: (owner, template, event) => templates.evaluate(owner, template, event),
      log,
      count: (source, outcome, events) => metrics.sourceEvents(source, outcome, events),
    },
  );
  const consumers = () => [directory.status(), readModels.views.status(), delivery.saga.status(), sealer.status()];
  metrics.observe({
    consumers,
    unusable: () => directory.unusableCount,
    requestsInFlight: () => delivery.dispatcher.requestsInFlight,
    waiting: () => delivery.waiting(),
    circuits: (state) => delivery.dispatcher.circuits(state),
    sources: () => sources.statuses(),
  });
  const readiness = new Readiness({
    store,
    appends: logParts.appends,
    logFolder: config.log.kind === 'embedded' ? config.dataDir : undefined,
    // On a server, its own check says whether they can be read.
    readViews: () => (config.database.kind === 'sqlite' ? readModels.readOnce() : Promise.resolve()),
    database: config.database.kind === 'sqlite' ? undefined : () => readModels.databaseServer(),
    viewsProgress: () => readModels.firstBuild.progress,
    consumers,
    directory: () => directory.status(),
  });
  const watching = readiness.start();
  opening.defer(() => watching[Symbol.dispose]());
  const contents = new ContentsThread(config.log, () => store.tip(), config.logLevel);
  opening.defer(() => contents.close());
  const api: ApiParts = {
    store,
    contents,
    commands,
    directory,
    requests,
    readModels,
    foreign,
    intake,
    log,
    runningSources: sources,
    registry: metrics.registry,
    portalKeys: logParts.vault.keysFor(portalKeyPurpose),
    authenticationFailed: (failure) => metrics.authenticationFailed(failure),
    countRefusal: (code) => metrics.refused(code),
    countBytes: (bytes) => metrics.received(bytes),
    readiness,
    system: {
      ...installationOf(config, version),
      requestsInFlight: () => delivery.dispatcher.requestsInFlight,
      waiting: () => delivery.waiting(),
    },
    send: (request) => delivery.send(request),
    settings: settingsOptions(config, guard),
  };
  const vitality = { consumers, damagedFiles: () => logParts.database.damagedFiles() };
  return { gate, vitality, readModels, delivery, sealer, publicKey: sealingKey.publicKey, sources, api };
};

/** Counts the messages that are accepted, from whichever side they come. */
const countAccepted = (commands: CommandBus, metrics: Metrics): CommandBus => {
  const execute = commands.execute.bind(commands);
  return Object.assign(commands, {
    execute: async (command: ICommand) => {
      const answer: unknown = await execute(command);
      if (command instanceof PublishMessages) metrics.accepted(answer as readonly PublishedMessage[]); // that command's answer
      if (command instanceof PublishToOrganizations)
        metrics.accepted((answer as PublishedToOrganizations).flatMap((each) => (each instanceof PublishRefused ? [] : [each])));
      return answer;
    },
  });
};

const sealerOptions = ({ log, sealEvents, sealSeconds, logLevel }: Config) => ({
  log,
  mostEvents: sealEvents,
  everyMs: sealSeconds * 1_000,
  logLevel,
});

const closedOnFailure = async (opened: AsyncDisposableStack, open: () => Promise<void>): Promise<void> => {
  try {
    await open();
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
};
