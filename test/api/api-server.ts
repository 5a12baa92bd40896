// The API in process, on a real log and real views in a folder of its own; nothing is delivered: tests record attempts themselves.
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Global, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { ApiModule } from '../../src/api/api.module.ts';
import { createHttpAdapter } from '../../src/api/http.ts';
import { API_LOG, EVENT_STORE, READINESS, RUNNING_SOURCES, SETTINGS_OPTIONS, VIEWS_PROGRESS } from '../../src/api/tokens.ts';
import { CancelDeliveryHandler, RetryDeliveriesHandler, RetryDeliveryHandler } from '../../src/commands/delivery-commands.ts';
import {
  CreateEndpointHandler,
  RotateEndpointSecretHandler,
  SetEndpointStatusHandler,
  TestEndpointHandler,
  UpdateEndpointHandler,
} from '../../src/commands/endpoint-commands.ts';
import { CommandExecutor } from '../../src/commands/command-executor.ts';
import {
  DefineEventTypeHandler,
  hashOfKey,
  IssueApiKeyHandler,
  ResetSigningKeyHandler,
  RetireEventTypeHandler,
  RevokeApiKeyHandler,
} from '../../src/commands/organization-commands.ts';
import { CancelReplayHandler, ReplayMessagesHandler } from '../../src/commands/replay-commands.ts';
import { PublishMessagesHandler } from '../../src/commands/publish-messages.ts';
import { ChangeSourceHandler, CreateSourceHandler } from '../../src/commands/source-commands.ts';
import { availableFormats } from '../../src/delivery/formats/format.ts';
import { TemplateProcesses } from '../../src/delivery/formats/template-processes.ts';
import { checkTemplate } from '../../src/delivery/formats/template.ts';
import { RequestMaker } from '../../src/delivery/request-maker.ts';
import { apiKey, apiKeyRoles, type ApiKeyRole } from '../../src/domain/api-key.ts';
import type { ApiKeyId, OrganizationId } from '../../src/domain/ids.ts';
import { organization } from '../../src/domain/organization.ts';
import type { EventStore } from '../../src/event-store/event-store.ts';
import { ForeignEvents, NoForeignEvents } from '../../src/event-store/foreign-events.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { openLog } from '../../src/event-store/open-log.ts';
import { ConsumerRunner, type ConsumerStatus } from '../../src/read-models/engine/consumer-runner.ts';
import { SqliteDatabase } from '../../src/read-models/engine/database/sqlite.ts';
import { EndpointDirectory } from '../../src/read-models/directory/endpoint-directory.ts';
import { HistoryQueries } from '../../src/read-models/history/history-queries.ts';
import { DeliveryQueries } from '../../src/read-models/queries/delivery-queries.ts';
import { EndpointQueries } from '../../src/read-models/queries/endpoint-queries.ts';
import { MessageQueries } from '../../src/read-models/queries/message-queries.ts';
import { OrganizationQueries } from '../../src/read-models/queries/organization-queries.ts';
import { ReplayQueries } from '../../src/read-models/queries/replay-queries.ts';
import { SourceQueries } from '../../src/read-models/queries/source-queries.ts';
import { viewQueries } from '../../src/read-models/queries/view-queries.ts';
import { LiveDeliveries } from '../../src/read-models/views/live-deliveries.ts';
import type { Progress } from '../../src/read-models/engine/progress.ts';
import { Views } from '../../src/read-models/views/views.ts';
import { Vault } from '../../src/secrets/vault.ts';
import type { LogUnderTest } from '../support/logs.ts';
import { apiKeyStream, organizationStream } from '../../src/domain/streams.ts';

/** Who listens to deliveries is told what the views have come to show. */
const tellLive = async (store: EventStore, views: Pick<Progress, 'reached'>, live: LiveDeliveries, signal: AbortSignal) => {
  for await (const batch of store.follow(await store.tip(), { signal })) {
    const last = batch.at(-1);
    if (last) await views.reached(last.position, 5000);
    live.committed(batch, true);
  }
};

const handlers: Type[] = [
  PublishMessagesHandler,
  CreateEndpointHandler,
  UpdateEndpointHandler,
  SetEndpointStatusHandler,
  RotateEndpointSecretHandler,
  TestEndpointHandler,
  RetryDeliveryHandler,
  RetryDeliveriesHandler,
  CancelDeliveryHandler,
  ReplayMessagesHandler,
  CancelReplayHandler,
  DefineEventTypeHandler,
  RetireEventTypeHandler,
  ResetSigningKeyHandler,
  IssueApiKeyHandler,
  RevokeApiKeyHandler,
  CreateSourceHandler,
  ChangeSourceHandler,
];

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
};

export const startApi = async ({ controllers = [], providers = [], rateLimit = 1_000_000, log: where }: ApiOptions = {}) => {
  const directoryPath = mkdtempSync(path.join(tmpdir(), 'hookledger-api-'));
  const log = pino({ level: 'silent' });
  const { store } = await openLog(where?.address(directoryPath) ?? { kind: 'embedded', directory: directoryPath }, log);
  const vault = new Vault(Buffer.alloc(32, 7));
  const executor = new CommandExecutor(store);
  const directory = new EndpointDirectory(store, vault);
  await directory.start();
  const keys = {} as Record<ApiKeyRole | 'OTHER', string>;
  /** An organization with one key of each role asked for, named `<organization>-<role>`. */
  const register = async (id: string, roles: readonly ApiKeyRole[], keep: (role: ApiKeyRole, key: string) => void) => {
    const organizationId = id as OrganizationId;
    const cause = { actor: 'system:test', commandId: newId() };
    const encryptionKey = vault.newKey();
    const commands = [
      { type: 'RegisterOrganization', name: id, encryptionKey },
      { type: 'SetFirstSigningKey', key: vault.keyring(encryptionKey).seal(`signing-key-of-${id}`) },
    ] as const;
    const stream = organizationStream(organizationId);
    await executor.executeAll(
      commands.map((command) => ({ stream, decider: organization, command })),
      cause,
    );
    for (const role of roles) {
      const key = `test-${id}-${role}-0123456789`;
      const issue = { type: 'IssueApiKey', organizationId, name: `${id}-${role}`, role, hash: hashOfKey(key) } as const;
      await executor.execute({ stream: apiKeyStream(newId() as ApiKeyId), decider: apiKey, command: issue }, cause);
      keep(role, key);
    }
  };
  await register('default', apiKeyRoles, (role, key) => (keys[role] = key));
  await register('other', ['ADMIN'], (_, key) => (keys.OTHER = key));
  await directory.progress.reached((await store.tip())!, 5000);

  const database = new SqliteDatabase(path.join(directoryPath, 'views'), log);
  const live = new LiveDeliveries(async () => []);
  const views = new ConsumerRunner(new Views(), store, database, log, { lingerMs: 0 });
  await views.start();
  const ending = new AbortController();
  const told = tellLive(store, views, live, ending.signal);
  const readiness = {
    log: () => store.tip().then((tip) => ({ tip })),
    consumers: (): readonly ConsumerStatus[] => [views.status()],
  };
  const templates = new TemplateProcesses();
  const requests = new RequestMaker(templates, 'Hookledger/test');
  const failures: unknown[] = [];
  const queries = viewQueries(() => views.read);
  const parts = [
    { provide: CommandExecutor, useValue: executor },
    { provide: EndpointDirectory, useValue: directory },
    { provide: RequestMaker, useValue: requests },
    { provide: DeliveryQueries, useValue: queries.deliveries },
    { provide: EndpointQueries, useValue: queries.endpoints },
    { provide: MessageQueries, useValue: queries.messages },
    { provide: OrganizationQueries, useValue: queries.organizations },
    { provide: ReplayQueries, useValue: queries.replays },
    { provide: SourceQueries, useValue: queries.sources },
    { provide: HistoryQueries, useValue: new HistoryQueries(() => views.read, queries, store) },
    { provide: ForeignEvents, useValue: new NoForeignEvents() },
    { provide: RUNNING_SOURCES, useValue: { status: () => undefined, look: () => undefined } },
    { provide: LiveDeliveries, useValue: live },
    { provide: Registry, useValue: new Registry() },
    { provide: READINESS, useValue: readiness },
    { provide: VIEWS_PROGRESS, useValue: views },
    { provide: EVENT_STORE, useValue: store },
    { provide: API_LOG, useValue: { info: () => undefined, warn: () => undefined, error: (line: unknown) => failures.push(line) } },
    {
      provide: SETTINGS_OPTIONS,
      useValue: { allowHttp: true, checkHost: () => undefined, checkTemplate, formats: availableFormats },
    },
  ];
  @Global()
  @Module({ providers: parts, exports: parts })
  class Parts {}
  @Module({ imports: [CqrsModule.forRoot(), Parts, ApiModule], providers: [...handlers, ...providers], controllers })
  class TestApp {}

  const app = await NestFactory.create<NestFastifyApplication>(TestApp, createHttpAdapter(rateLimit), {
    logger: ['error'],
    abortOnError: false,
  });
  const close = async () => {
    await app.close();
    templates.close();
    await views.stop();
    ending.abort();
    await told;
    await directory.stop();
    await store.close();
    rmSync(directoryPath, { recursive: true, force: true });
  };
  try {
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await close();
    throw error;
  }
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');

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
  return { url, app, store, executor, directory, requests, views, live, keys, failures, readiness, post, ask, query, publish, close };
};
