// The application as Nest sees it: the parts that service.ts opened, the command handlers and the API.
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { Registry } from 'prom-client';
import { ApiModule } from '../api/api.module.ts';
import {
  API_LOG,
  EVENT_STORE,
  READ_ONLY,
  READINESS,
  RUNNING_SOURCES,
  SETTINGS_OPTIONS,
  VIEWS_PROGRESS,
  type ApiLog,
  type ReadinessSource,
  type RunningSources,
  type ViewsProgress,
} from '../api/tokens.ts';
import { CancelDeliveryHandler, RetryDeliveriesHandler, RetryDeliveryHandler } from '../commands/delivery-commands.ts';
import {
  CreateEndpointHandler,
  RotateEndpointSecretHandler,
  SetEndpointStatusHandler,
  TestEndpointHandler,
  UpdateEndpointHandler,
} from '../commands/endpoint-commands.ts';
import { CommandExecutor } from '../commands/command-executor.ts';
import {
  DefineEventTypeHandler,
  IssueApiKeyHandler,
  ResetSigningKeyHandler,
  RetireEventTypeHandler,
  RevokeApiKeyHandler,
} from '../commands/organization-commands.ts';
import { CancelReplayHandler, ReplayMessagesHandler } from '../commands/replay-commands.ts';
import { PublishMessagesHandler } from '../commands/publish-messages.ts';
import { ChangeSourceHandler, CreateSourceHandler } from '../commands/source-commands.ts';
import { DisableGoneEndpointHandler } from '../delivery/disable-gone-endpoint.ts';
import { RequestMaker } from '../delivery/request-maker.ts';
import type { SettingsOptions } from '../domain/endpoint-settings.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { ForeignEvents } from '../event-store/foreign-events.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { HistoryQueries } from '../read-models/history/history-queries.ts';
import { LiveDeliveries } from '../read-models/views/live-deliveries.ts';
import { DeliveryQueries } from '../read-models/queries/delivery-queries.ts';
import { EndpointQueries } from '../read-models/queries/endpoint-queries.ts';
import { MessageQueries } from '../read-models/queries/message-queries.ts';
import { OrganizationQueries } from '../read-models/queries/organization-queries.ts';
import { ReplayQueries } from '../read-models/queries/replay-queries.ts';
import { SourceQueries } from '../read-models/queries/source-queries.ts';
import type { ViewQueries } from '../read-models/queries/view-queries.ts';

const handlers = [
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
  DisableGoneEndpointHandler,
  CreateSourceHandler,
  ChangeSourceHandler,
];

/** What service.ts opens. */
export type Parts = {
  readonly store: EventStore;
  readonly executor: CommandExecutor;
  readonly directory: EndpointDirectory;
  readonly requests: RequestMaker;
  readonly queries: ViewQueries;
  readonly history: HistoryQueries;
  readonly foreign: ForeignEvents;
  readonly runningSources: RunningSources;
  readonly live: LiveDeliveries;
  readonly registry: Registry;
  readonly readiness: ReadinessSource;
  readonly viewsProgress: ViewsProgress;
  readonly settings: SettingsOptions;
  readonly log: ApiLog;
  /** Nothing may be changed; the sentence says why, and whom to ask instead. */
  readonly readOnly?: string;
};

@Global()
@Module({})
class PartsModule {
  static of(parts: Parts): DynamicModule {
    const providers = [
      { provide: EVENT_STORE, useValue: parts.store },
      { provide: SETTINGS_OPTIONS, useValue: parts.settings },
      { provide: CommandExecutor, useValue: parts.executor },
      { provide: EndpointDirectory, useValue: parts.directory },
      { provide: RequestMaker, useValue: parts.requests },
      { provide: DeliveryQueries, useValue: parts.queries.deliveries },
      { provide: EndpointQueries, useValue: parts.queries.endpoints },
      { provide: MessageQueries, useValue: parts.queries.messages },
      { provide: OrganizationQueries, useValue: parts.queries.organizations },
      { provide: ReplayQueries, useValue: parts.queries.replays },
      { provide: SourceQueries, useValue: parts.queries.sources },
      { provide: HistoryQueries, useValue: parts.history },
      { provide: ForeignEvents, useValue: parts.foreign },
      { provide: RUNNING_SOURCES, useValue: parts.runningSources },
      { provide: LiveDeliveries, useValue: parts.live },
      { provide: Registry, useValue: parts.registry },
      { provide: READINESS, useValue: parts.readiness },
      { provide: VIEWS_PROGRESS, useValue: parts.viewsProgress },
      { provide: READ_ONLY, useValue: parts.readOnly },
      { provide: API_LOG, useValue: parts.log },
    ];
    return { module: PartsModule, providers, exports: providers };
  }
}

@Module({})
export class AppModule {
  static of(parts: Parts): DynamicModule {
    return {
      module: AppModule,
      imports: [CqrsModule.forRoot(), PartsModule.of(parts), ApiModule],
      providers: handlers,
    };
  }
}
