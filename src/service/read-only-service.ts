// The service that only reads: the views of a past moment, from a folder, behind the same API. It takes in, sends and writes nothing.
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { addressGuard } from '../delivery/sender/address-guard.ts';
import { TemplateProcesses } from '../delivery/formats/template-processes.ts';
import { RequestMaker } from '../delivery/attempts/request-maker.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { NoForeignEvents } from '../event-store/foreign-events.ts';
import { logUpTo } from '../event-store/log-up-to.ts';
import { openLogReader } from '../event-store/open-log.ts';
import { logFingerprint } from '../event-store/log-fingerprint.ts';
import { ApiKeyUses } from '../read-models/api-key-uses.ts';
import { OrganizationRefusals } from '../read-models/organization-refusals.ts';
import { ContentsThread } from '../read-models/contents/contents-thread.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { budgetedLog, budgetedTables } from '../read-models/engine/budgeted-reads.ts';
import { DatabaseUnusable } from '../read-models/engine/database/database.ts';
import { HistoryQueries } from '../read-models/history/history-queries.ts';
import { LiveDeliveries } from '../read-models/views/live-deliveries.ts';
import { openPast } from '../read-models/views/past-views.ts';
import { viewQueries } from '../read-models/queries/view-queries.ts';
import { Views } from '../read-models/views/views.ts';
import { existingMasterKeyIn } from '../secrets/master-key.ts';
import { Vault } from '../secrets/vault.ts';
import { Metrics, nothingHeld } from './metrics.ts';
import { installationOf, openApi, settingsOptions } from './open-api.ts';
import type { RunningService } from './start-service.ts';

/**
 * Reads the configured log, which may be in use, up to where the folder's views end. Today's API keys decide who may ask: one that was revoked
 * since opens nothing. Long, as it names every part once and says what it is made of.
 * @throws DatabaseUnusable, LogUnusable, MasterKeyUnusable, SecretUnreadable, or the error of listening; nothing stays open then
 */
export const startReadOnly = async (folder: string, config: Config, version: string, log: Logger): Promise<RunningService> => {
  await using opening = new AsyncDisposableStack();

  // 1. The folder, and its log.
  const { past, views, today, store, readOnly } = await openPastLog(folder, config, log, opening);

  // 2. The directory of that moment, with the keys of today.
  const vault = new Vault(config.masterKey ?? existingMasterKeyIn(config.dataDir), config.previousMasterKey);
  const keys = new EndpointDirectory(today, vault, log);
  await keys.start();
  opening.defer(() => keys.stop());
  const directory = new EndpointDirectory(store, vault, log, keys);
  await directory.start();
  opening.defer(() => directory.stop());

  // 3. The API.
  const templates = new TemplateProcesses();
  opening.defer(() => templates.close());
  const status = {
    name: 'views',
    version: new Views().version,
    state: 'live',
    position: past.position,
    lagEvents: 0,
    lagSeconds: 0,
  } as const;
  const metrics = new Metrics();
  const consumers = () => [keys.status(), status];
  const waiting = () => Promise.resolve({ waiting: 0, held: 0, oldestDueSeconds: 0, deliveriesHeld: nothingHeld });
  metrics.observe({
    consumers,
    waiting,
    unusable: () => keys.unusableCount,
    requestsInFlight: () => 0,
    circuits: () => 0,
    sources: () => [],
  });
  const read = () => budgetedTables(views.read);
  // "The last hour" is the hour before the moment shown.
  const queries = viewQueries(read, () => new Date(past.asOf));
  const contents = new ContentsThread(config.log, () => store.tip(), config.logLevel);
  opening.defer(() => contents.close());
  const api = await openApi(
    {
      store,
      commands: { execute: () => Promise.reject(new Error(readOnly)) },
      directory,
      requests: new RequestMaker(templates, `Hookledger/${version}`),
      readModels: {
        queries,
        history: new HistoryQueries(read, queries, budgetedLog(store)),
        live: new LiveDeliveries(() => Promise.resolve([])),
        views: { reached: () => Promise.resolve(true) },
        apiKeyUses: new ApiKeyUses(log),
        organizationRefusals: new OrganizationRefusals(log),
      },
      contents,
      foreign: new NoForeignEvents(),
      runningSources: { status: () => undefined, look: () => undefined },
      registry: metrics.registry,
      authenticationFailed: (failure) => metrics.authenticationFailed(failure),
      countRefusal: (code) => metrics.refused(code),
      countBytes: (bytes) => metrics.received(bytes),
      readiness: {
        log: async () => ({ tip: await store.tip() }),
        consumers: () => Promise.resolve(consumers()),
        directory: () => [keys.status()],
      },
      system: { ...installationOf(config, version), requestsInFlight: () => 0, waiting },
      send: () => Promise.reject(new Error(readOnly)),
      settings: settingsOptions(config, addressGuard(config.allowPrivateNetworks)),
      log,
      portalKeys: [],
      readOnly,
    },
    config,
    log,
    opening,
  );
  api.serve(opening);
  const opened = opening.move();
  return { url: api.url, shows: `what was at ${past.asOf}`, whenOpen: Promise.resolve(), stop: () => opened.disposeAsync() };
};

const openPastLog = async (folder: string, config: Config, log: Logger, opening: AsyncDisposableStack) => {
  const { past, views } = await openPast(folder);
  opening.defer(() => views.close());
  const { reader: today, close } = await openLogReader(config.log, { log, watch: true });
  opening.defer(close);
  const origin = await logFingerprint(today);
  if (origin !== past.origin)
    throw new DatabaseUnusable(
      `${folder} holds views of another log: that one began ${past.origin}, the configured one ${origin ?? 'is empty'}. Name the log that they are of, by HOOKLEDGER_DATA_DIR or HOOKLEDGER_EVENTSTORE_URL.`,
    );
  const readOnly = `This server only reads: it shows what was at ${past.asOf}, and that can't be changed. Ask the one that delivers.`;
  const store: EventStore = {
    ...logUpTo(today, past.position),
    append: () => Promise.reject(new Error(readOnly)),
    close: () => Promise.resolve(),
  };
  return { past, views, today, store, readOnly };
};
