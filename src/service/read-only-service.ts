// The service that only reads: the views of a past moment, from a folder, behind the same API. Nothing is taken in, sent or written.
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestFactory } from '@nestjs/core';
import type { Logger } from 'pino';
import { createHttpAdapter } from '../api/http.ts';
import { AppModule } from './app.module.ts';
import { CommandExecutor } from '../commands/command-executor.ts';
import type { Config } from '../config.ts';
import { addressGuard } from '../delivery/address-guard.ts';
import { availableFormats } from '../delivery/formats/format.ts';
import { TemplateProcesses } from '../delivery/formats/template-processes.ts';
import { checkTemplate } from '../delivery/formats/template.ts';
import { RequestMaker } from '../delivery/request-maker.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { NoForeignEvents } from '../event-store/foreign-events.ts';
import { logUpTo } from '../event-store/log-up-to.ts';
import { openLogReader } from '../event-store/open-log.ts';
import { logFingerprint } from '../event-store/log-fingerprint.ts';
import { nestLog } from '../log.ts';
import { Metrics } from './metrics.ts';
import { DatabaseUnusable } from '../read-models/engine/database/database.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { HistoryQueries } from '../read-models/history/history-queries.ts';
import { LiveDeliveries } from '../read-models/views/live-deliveries.ts';
import { openPast } from '../read-models/views/past-views.ts';
import { viewQueries } from '../read-models/queries/view-queries.ts';
import { Views } from '../read-models/views/views.ts';
import { existingMasterKeyIn } from '../secrets/master-key.ts';
import { Vault } from '../secrets/vault.ts';
import type { Running } from './service.ts';

/**
 * The log is that of the configuration, and may be in use: it is read up to where the folder's views end. Who may ask is decided by the API keys
 * of today: one that was revoked since opens nothing.
 * @throws DatabaseUnusable, LogUnusable, MasterKeyUnusable, SecretUnreadable, or the error of listening; nothing stays open then.
 */
export const startReadOnly = async (folder: string, config: Config, version: string, log: Logger): Promise<Running> => {
  const closing: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const close of closing.toReversed()) await close();
  };
  try {
    // 1. The folder, and the log that it belongs to.
    const { past, views } = await openPast(folder);
    closing.push(() => views.close());
    const { reader: today, close } = await openLogReader(config.log, { log, watch: true });
    closing.push(close);
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

    // 2. What the API asks. Keys are those of today.
    const vault = new Vault(config.masterKey ?? existingMasterKeyIn(config.dataDir));
    const keys = new EndpointDirectory(today, vault);
    await keys.start();
    closing.push(() => keys.stop());
    const directory = new EndpointDirectory(store, vault, keys);
    await directory.start();
    closing.push(() => directory.stop());
    const templates = new TemplateProcesses();
    closing.push(async () => templates.close());
    const { name, version: viewsVersion } = new Views();
    const status = { name, version: viewsVersion, state: 'live', position: past.position, lagEvents: 0, lagSeconds: 0 } as const;
    const metrics = new Metrics();
    metrics.observe({ consumers: () => [status], requestsInFlight: () => 0, sources: () => [] });

    // "The last hour" is the hour before the moment shown.
    const queries = viewQueries(
      () => views.read,
      () => new Date(past.asOf),
    );

    // 3. The API.
    const app = await NestFactory.create<NestFastifyApplication>(
      AppModule.of({
        store,
        settings: {
          allowHttp: config.allowHttp,
          checkHost: addressGuard(config.allowPrivateNetworks).checkUrlHost,
          checkTemplate,
          formats: availableFormats,
        },
        executor: new CommandExecutor(store),
        directory,
        requests: new RequestMaker(templates, `Hookledger/${version}`),
        queries,
        history: new HistoryQueries(() => views.read, queries, store),
        foreign: new NoForeignEvents(),
        runningSources: { status: () => undefined, look: () => undefined },
        live: new LiveDeliveries(() => Promise.resolve([])),
        registry: metrics.registry,
        readiness: { log: async () => ({ tip: await store.tip() }), consumers: () => [status] },
        viewsProgress: { reached: () => Promise.resolve(true) },
        log,
        readOnly,
      }),
      createHttpAdapter(config.rateLimit),
      { logger: nestLog(log), abortOnError: false },
    );
    closing.push(() => app.close());
    await app.listen(config.port, config.host);
    return { url: await app.getUrl(), shows: `what was at ${past.asOf}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
