// The API in process, on a real log and real views in a folder of its own, made of the service's own parts. Nothing is delivered: tests record
// attempts themselves.
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Type } from '@nestjs/common';
import { IntakeQueue } from '../../src/commands/intake-queue.ts';
import { OrganizationGate } from '../../src/commands/organization-gate.ts';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { portalKeyPurpose } from '../../src/api/auth/portal-token.ts';
import { ClosedBatches } from '../../src/commands/closed-batches.ts';
import { hashOfKey } from '../../src/commands/organization-commands.ts';
import { readConfig } from '../../src/config.ts';
import { TemplateProcesses } from '../../src/delivery/formats/template-processes.ts';
import { RequestMaker } from '../../src/delivery/attempts/request-maker.ts';
import { addressGuard } from '../../src/delivery/sender/address-guard.ts';
import { Sender } from '../../src/delivery/sender/sender.ts';
import { apiKey, apiKeyRoles, type ApiKeyRole } from '../../src/domain/api-key.ts';
import { apiKeyId, organizationId } from '../../src/domain/ids.ts';
import { organization } from '../../src/domain/organization.ts';
import { apiKeyStream, organizationStream } from '../../src/domain/streams.ts';
import type { EventStore } from '../../src/event-store/event-store.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { ConsumerRunner, type ConsumerStatus } from '../../src/read-models/engine/consumer-runner.ts';
import { matchContents } from '../../src/read-models/contents/match-contents.ts';
import type { Progress } from '../../src/read-models/engine/progress.ts';
import type { LiveDeliveries } from '../../src/read-models/views/live-deliveries.ts';
import { Views } from '../../src/read-models/views/views.ts';
import { openCommands } from '../../src/service/commands.module.ts';
import { installationOf, openApi, settingsOptions } from '../../src/service/open-api.ts';
import { openLog, type LogParts } from '../../src/service/open-log.ts';
import { ReadModels } from '../../src/service/open-read-models.ts';
import type { LogUnderTest } from '../support/logs.ts';

/** Tells subscribers of deliveries what the views have come to show. */
const tellLive = async (store: EventStore, views: Pick<Progress, 'reached'>, live: LiveDeliveries, signal: AbortSignal) => {
  for await (const batch of store.follow(await store.tip(), { signal })) {
    const last = batch.at(-1);
    if (last) await views.reached(last.position, 5000);
    live.committed(batch, true);
  }
};

export type GraphQLAnswer<T = Record<string, never>> = {
  readonly data?: T | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: {
      readonly code: string;
      readonly issues?: readonly { path: string; message: string }[];
      readonly stacktrace?: unknown;
    };
  }[];
};

type PostOptions = { key?: string; headers?: Record<string, string> };

export type ApiServer = Awaited<ReturnType<typeof startApi>>;

type ApiOptions = {
  /** Further ones, of a test. */
  readonly controllers?: Type[];
  readonly providers?: Type[];
  readonly rateLimit?: number;
  /** Left out: the embedded one. */
  readonly log?: LogUnderTest;
  /** Further settings. */
  readonly env?: Record<string, string>;
  /** As while a service starts: most requests wait until `serve` is called. */
  readonly isStarting?: boolean;
};

/** Registers an organization with one key of each role, named `<organization>-<role>`. */
const register = async (
  { executor, vault }: LogParts,
  id: string,
  roles: readonly ApiKeyRole[],
  keep: (role: ApiKeyRole, key: string) => void,
) => {
  const cause = { actor: 'system:test', commandId: newId() };
  const stream = organizationStream(organizationId.parse(id));
  const encryptionKey = vault.newKey(stream);
  const cipher = vault.keyring([encryptionKey], stream).cipherFor(stream);
  const commands = [
    { type: 'RegisterOrganization', name: id, encryptionKey },
    { type: 'SetFirstSigningKey', key: cipher.seal(`signing-key-of-${id}`, 'signingKey') },
  ] as const;
  await executor.executeAll(
    commands.map((command) => ({ stream, decider: organization, command })),
    cause,
  );
  for (const role of roles) {
    const key = `test-${id}-${role}-0123456789`;
    const issue = {
      type: 'IssueApiKey',
      organizationId: organizationId.parse(id),
      name: `${id}-${role}`,
      role,
      hash: hashOfKey(key),
    } as const;
    await executor.execute({ stream: apiKeyStream(apiKeyId.parse(newId())), decider: apiKey, command: issue }, cause);
    keep(role, key);
  }
};

export const startApi = async ({
  controllers = [],
  providers = [],
  rateLimit = 1_000_000,
  log: where,
  env = {},
  isStarting,
}: ApiOptions = {}) => {
  await using opening = new AsyncDisposableStack();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'hookledger-api-'));
  opening.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  const environment = {
    HOOKLEDGER_DATA_DIR: dataDir,
    HOOKLEDGER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    HOOKLEDGER_PORT: '0',
    ...env,
  };
  const config = { ...readConfig(environment), rateLimit, ...(where && { log: where.address(dataDir) }) };
  const log = pino({ level: 'silent' });

  // 1. The log, and two organizations in it.
  const logParts = await openLog(config, log, opening);
  const { store, executor, directory, database, foreign } = logParts;
  const keys = {} as Record<ApiKeyRole | 'OTHER', string>;
  await register(logParts, 'default', apiKeyRoles, (role, key) => (keys[role] = key));
  await register(logParts, 'other', ['ADMIN'], (_, key) => (keys.OTHER = key));
  await logParts.bindDatabase();
  await directory.progress.reached((await store.tip())!, 5000);

  // 2. The views, in this thread: a worker can't run the sources.
  const readModels = new ReadModels(logParts, log, () => new ConsumerRunner(new Views(), store, database, log, { lingerMs: 0 }));
  await readModels.open(opening);
  const { live, views } = readModels;
  const ending = new AbortController();
  const following = tellLive(store, views, live, ending.signal);
  opening.defer(async () => {
    ending.abort();
    await following;
  });

  // 3. Commands and the API.
  const intake = new IntakeQueue();
  const gate = new OrganizationGate(directory);
  gate.onRefused = (id, messages) => readModels.organizationRefusals.record(id, messages);
  opening.use(gate.watchWaiting((least) => readModels.queries.organizationList.withWaiting(least)));
  const commands = await openCommands(
    { log: logParts, readModels, intake, gate, closedBatches: new ClosedBatches(store, views) },
    log,
    opening,
  );
  const readiness = {
    log: () => store.tip().then((tip) => ({ tip })),
    directory: (): readonly ConsumerStatus[] => [directory.status()],
    consumers: (): Promise<readonly ConsumerStatus[]> => Promise.resolve([directory.status(), views.status()]),
  };
  const templates = new TemplateProcesses();
  opening.defer(() => templates.close());
  const requests = new RequestMaker(templates, 'Hookledger/test');
  const sender = new Sender({ guard: addressGuard(true), allowHttp: true, clock: () => new Date() });
  opening.defer(() => void sender.close());
  const failures: unknown[] = [];
  const failedAuthentications: string[] = [];
  const api = await openApi(
    {
      store,
      commands,
      directory,
      requests,
      readModels,
      contents: { match: (question) => matchContents(store, question) }, // a worker can't run the sources
      foreign,
      readiness,
      runningSources: { status: () => undefined, look: () => undefined },
      registry: new Registry(),
      portalKeys: logParts.vault.keysFor(portalKeyPurpose),
      countRefusal: () => undefined,
      countBytes: () => undefined,
      authenticationFailed: (failure) => failedAuthentications.push(failure),
      system: {
        ...installationOf(config, 'test'),
        requestsInFlight: () => 2,
        waiting: () => Promise.resolve({ waiting: 3, oldestDueSeconds: 4.5 }),
      },
      send: (request) => sender.send(request),
      settings: settingsOptions(config, { checkUrlHost: () => undefined }),
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (line: unknown) => failures.push(line) },
    },
    config,
    log,
    opening,
    { controllers, providers },
  );
  const { app } = api;
  const opened = opening.move();
  const serve = () => api.serve(opened);
  if (!isStarting) serve();
  const close = () => opened.disposeAsync();
  const url = api.url.replace('[::1]', '127.0.0.1');

  const post = (where: string, body: string | Uint8Array<ArrayBuffer>, { key = keys.ADMIN, headers = {} }: PostOptions = {}) =>
    fetch(url + where, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      body,
    });
  /** The answer, whatever it says. */
  const ask = async <T>(query: string, variables: Record<string, unknown> = {}, key = keys.ADMIN): Promise<GraphQLAnswer<T>> => {
    const response = await post('/graphql', JSON.stringify({ query, variables }), { key });
    return (await response.json()) as GraphQLAnswer<T>;
  };
  /** `data`. @throws Error when there are errors. */
  const query = async <T>(query: string, variables: Record<string, unknown> = {}, key = keys.ADMIN): Promise<T> => {
    const { data, errors } = await ask<T>(query, variables, key);
    if (errors || !data) throw new Error(JSON.stringify(errors));
    return data;
  };
  const publish = async (message: unknown, key = keys.ADMIN) => {
    const response = await post('/v1/messages', JSON.stringify(message), { key });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, never> };
  };
  return {
    url,
    app,
    store,
    executor,
    directory,
    requests,
    views,
    live,
    keys,
    failures,
    failedAuthentications,
    readiness,
    readModels,
    post,
    ask,
    query,
    publish,
    serve,
    close,
  };
};
