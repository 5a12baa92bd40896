// The API: Nest's application on the parts that the service opened, and the socket that it listens on.
import { Global, Module, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Command, CommandBus } from '@nestjs/cqrs';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { ApiModule } from '../api/api.module.ts';
import { Authentication, type AuthenticationFailure } from '../api/auth/authentication.ts';
import { ConsoleSessions } from '../api/auth/console-session.ts';
import { FailedAuthentications } from '../api/auth/failed-authentications.ts';
import { PortalTokens } from '../api/auth/portal-token.ts';
import { clientAddress } from '../api/http/client-address.ts';
import { createHttpAdapter, type HttpParts } from '../api/http/http-adapter.ts';
import { RateLimit } from '../api/http/rate-limit.ts';
import { StartGate } from '../api/http/start-gate.ts';
import { StopGate } from '../api/http/stop-gate.ts';
import {
  API_LOG,
  CLIENT_ADDRESS,
  COUNT_REFUSAL,
  CONTENTS,
  EVENT_STORE,
  PUBLIC_URL,
  READ_ONLY,
  READINESS,
  RUNNING_SOURCES,
  SEND,
  SYSTEM,
  SETTINGS_OPTIONS,
  VIEWS_PROGRESS,
  type ApiLog,
  type CountRefusal,
  type PublicUrl,
  type ReadinessSource,
  type RunningSources,
  type SystemSource,
  type ViewsProgress,
} from '../api/tokens.ts';
import type { IntakeQueue } from '../commands/intake-queue.ts';
import type { Config } from '../config.ts';
import type { AddressGuard } from '../delivery/sender/address-guard.ts';
import { availableFormats } from '../delivery/formats/format.ts';
import { checkTemplate } from '../delivery/formats/template.ts';
import { RequestMaker } from '../delivery/attempts/request-maker.ts';
import type { Send } from '../delivery/draft-tests.ts';
import type { SettingsOptions } from '../domain/endpoint-settings.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { ForeignEvents } from '../event-store/foreign-events.ts';
import { nestLog } from '../log.ts';
import { ApiKeyUses } from '../read-models/api-key-uses.ts';
import { OrganizationRefusals } from '../read-models/organization-refusals.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { budgetedLog } from '../read-models/engine/budgeted-reads.ts';
import { ReadBudget } from '../read-models/engine/read-budget.ts';
import { FirstBuild } from '../read-models/views/first-build.ts';
import { HistoryQueries } from '../read-models/history/history-queries.ts';
import { LiveDeliveries } from '../read-models/views/live-deliveries.ts';
import type { ContentMatcher } from '../read-models/contents/match-contents.ts';
import { BulkRetryQueries } from '../read-models/queries/bulk-retry-queries.ts';
import { Arrivals } from '../read-models/directory/arrivals.ts';
import { DeliveryQueries } from '../read-models/queries/delivery-queries.ts';
import { EndpointQueries } from '../read-models/queries/endpoint-queries.ts';
import { MessageQueries } from '../read-models/queries/message-queries.ts';
import { OrganizationList } from '../read-models/queries/organization-list.ts';
import { OrganizationQueries } from '../read-models/queries/organization-queries.ts';
import { ReplayQueries } from '../read-models/queries/replay-queries.ts';
import { DeliveryStatsQueries } from '../read-models/queries/delivery-stats.ts';
import { SearchQueries } from '../read-models/queries/search.ts';
import { SourceQueries } from '../read-models/queries/source-queries.ts';
import type { ReadModels } from './open-read-models.ts';

export type ApiParts = {
  readonly store: EventStore;
  readonly commands: Pick<CommandBus, 'execute'>;
  readonly directory: EndpointDirectory;
  readonly requests: RequestMaker;
  readonly readModels: Pick<ReadModels, 'queries' | 'history' | 'live' | 'apiKeyUses' | 'organizationRefusals'> & {
    readonly views: ViewsProgress;
    /** Left out: the views are complete. */
    readonly firstBuild?: FirstBuild;
  };
  readonly contents: ContentMatcher;
  readonly foreign: ForeignEvents;
  /** Undefined: nothing is published here. */
  readonly intake?: Pick<IntakeQueue, 'isFull'>;
  readonly runningSources: RunningSources;
  readonly registry: Registry;
  readonly readiness: ReadinessSource;
  readonly system: SystemSource;
  /** For tests of drafts. */
  readonly send: Send;
  readonly settings: SettingsOptions;
  readonly log: ApiLog;
  /** For the metric. */
  readonly countRefusal: CountRefusal;
  readonly countBytes: (bytes: number) => void;
  readonly authenticationFailed: (failure: AuthenticationFailure) => void;
  /** Of 32 bytes: the one that signs the tokens of portal sessions, and those that are accepted as well. None: there are no sessions here. */
  readonly portalKeys: readonly Buffer[];
  /** Refuses every change with this sentence: why, and whom to ask instead. */
  readonly readOnly?: string;
};

/** What a test adds to the API. */
type ApiExtras = { readonly controllers?: Type[]; readonly providers?: Type[] };

export type Api = {
  readonly app: NestFastifyApplication;
  readonly url: string;
  /** Lets all requests through, once the other parts are open. On closing, the API ends first: it stops listening and finishes its requests. */
  readonly serve: (opened: AsyncDisposableStack) => void;
  /** Begins nothing new, answers what has begun, and closes all connections once `drained` has resolved as well. */
  readonly close: (drained?: Promise<unknown>) => Promise<void>;
};

/** What may be set on an endpoint. */
export const settingsOptions = (
  { allowHttp }: Pick<Config, 'allowHttp'>,
  { checkUrlHost }: Pick<AddressGuard, 'checkUrlHost'>,
): SettingsOptions => ({
  allowHttp,
  checkHost: checkUrlHost,
  checkTemplate,
  formats: availableFormats,
});

/** What callers are told of the installation, but for its work. */
export const installationOf = (
  { log, database, allowHttp, allowPrivateNetworks }: Pick<Config, 'log' | 'database' | 'allowHttp' | 'allowPrivateNetworks'>,
  version: string,
) => ({
  version,
  httpAllowed: allowHttp,
  privateNetworksAllowed: allowPrivateNetworks !== false,
  log: log.kind === 'embedded' ? 'embedded log (SQLite)' : 'EventStoreDB',
  database: database.kind === 'sqlite' ? 'SQLite' : 'PostgreSQL',
});

type ListenConfig = Pick<
  Config,
  'host' | 'port' | 'rateLimit' | 'trustedProxies' | 'publicUrl' | 'allowedOrigins' | 'portalFrameAncestors'
>;

/** Listens. Until `serve` is called, it takes messages and answers health and metrics; other requests wait. @throws the error of listening */
export const openApi = async (
  parts: ApiParts,
  { host, port, rateLimit, trustedProxies, publicUrl, allowedOrigins, portalFrameAncestors }: ListenConfig,
  log: Logger,
  opened: AsyncDisposableStack,
  extras: ApiExtras = {},
): Promise<Api> => {
  const gate = new StartGate(parts.readModels.firstBuild);
  const stopGate = new StopGate();
  const portalTokens = new PortalTokens(parts.portalKeys);
  const http: HttpParts = {
    gate,
    stopGate,
    countBytes: parts.countBytes,
    authentication: new Authentication(
      parts.directory,
      parts.readModels.apiKeyUses,
      portalTokens,
      new Arrivals(parts.store, parts.directory),
    ),
    sessions: new ConsoleSessions(parts.directory, publicUrl),
    failures: new FailedAuthentications(parts.log, parts.authenticationFailed),
    rateLimit: new RateLimit(rateLimit),
    intake: parts.intake,
    addressOf: clientAddress(trustedProxies),
    allowedOrigins,
    portalFrameAncestors,
  };
  let url = '';
  const app = await NestFactory.create<NestFastifyApplication>(
    apiOf(parts, { ...http, portalTokens, publicUrl: () => publicUrl ?? url }, extras),
    createHttpAdapter(http),
    {
      logger: nestLog(log),
      abortOnError: false,
    },
  );
  let closing: Promise<void> | undefined;
  const close = (drained: Promise<unknown> = Promise.resolve()) => (closing ??= closeApi(app, stopGate, drained));
  opened.defer(close);
  await app.listen(port, host);
  url = await app.getUrl();
  const serve = (all: AsyncDisposableStack) => {
    all.defer(close);
    gate.open();
  };
  return { app, url, serve, close };
};

/** Begins nothing new, and answers what has begun. What clients have half sent by then, or leave open, is cut off. */
const closeApi = async (app: NestFastifyApplication, stopGate: StopGate, drained: Promise<unknown>): Promise<void> => {
  const answered = stopGate.close();
  const closed = app.close();
  await Promise.race([closed, Promise.all([answered, drained])]);
  app.getHttpServer().closeAllConnections();
  await closed;
};

@Global()
@Module({})
class PartsModule {}

@Module({})
class ServiceModule {}

type OwnParts = HttpParts & { readonly portalTokens: PortalTokens; readonly publicUrl: PublicUrl };

const apiOf = (parts: ApiParts, http: OwnParts, { controllers = [], providers = [] }: ApiExtras): DynamicModule => {
  const { readModels } = parts;
  const { queries } = readModels;
  const provided: Provider[] = [
    { provide: API_LOG, useValue: parts.log },
    { provide: COUNT_REFUSAL, useValue: parts.countRefusal },
    { provide: ApiKeyUses, useValue: readModels.apiKeyUses },
    { provide: OrganizationRefusals, useValue: readModels.organizationRefusals },
    { provide: Authentication, useValue: http.authentication },
    { provide: ConsoleSessions, useValue: http.sessions },
    { provide: CLIENT_ADDRESS, useValue: http.addressOf },
    { provide: FailedAuthentications, useValue: http.failures },
    { provide: RateLimit, useValue: http.rateLimit },
    { provide: CommandBus, useValue: { execute: (command: Command<unknown>) => ReadBudget.exempt(() => parts.commands.execute(command)) } },
    { provide: EndpointDirectory, useValue: parts.directory },
    { provide: CONTENTS, useValue: parts.contents },
    { provide: EVENT_STORE, useValue: budgetedLog(parts.store) },
    { provide: ForeignEvents, useValue: parts.foreign },
    { provide: HistoryQueries, useValue: readModels.history },
    { provide: LiveDeliveries, useValue: readModels.live },
    { provide: PortalTokens, useValue: http.portalTokens },
    { provide: PUBLIC_URL, useValue: http.publicUrl },
    { provide: READ_ONLY, useValue: parts.readOnly },
    { provide: READINESS, useValue: parts.readiness },
    { provide: SYSTEM, useValue: parts.system },
    { provide: SEND, useValue: parts.send },
    { provide: Registry, useValue: parts.registry },
    { provide: RequestMaker, useValue: parts.requests },
    { provide: RUNNING_SOURCES, useValue: parts.runningSources },
    { provide: SETTINGS_OPTIONS, useValue: parts.settings },
    { provide: StartGate, useValue: http.gate },
    { provide: StopGate, useValue: http.stopGate },
    { provide: DeliveryQueries, useValue: queries.deliveries },
    { provide: EndpointQueries, useValue: queries.endpoints },
    { provide: MessageQueries, useValue: queries.messages },
    { provide: OrganizationList, useValue: queries.organizationList },
    { provide: OrganizationQueries, useValue: queries.organizations },
    { provide: BulkRetryQueries, useValue: queries.bulkRetries },
    { provide: ReplayQueries, useValue: queries.replays },
    { provide: DeliveryStatsQueries, useValue: queries.stats },
    { provide: SearchQueries, useValue: queries.search },
    { provide: SourceQueries, useValue: queries.sources },
    { provide: VIEWS_PROGRESS, useValue: readModels.views },
  ];
  return {
    module: ServiceModule,
    imports: [{ module: PartsModule, providers: provided, exports: provided }, ApiModule],
    controllers,
    providers,
  };
};
