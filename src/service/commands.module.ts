// The command handlers, in a Nest context of their own. The API and delivery both dispatch to its CommandBus.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CommandBus, CqrsModule } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { ClosedBatches } from '../commands/closed-batches.ts';
import { CommandExecutor } from '../commands/command-executor.ts';
import { CancelBulkRetryHandler, RetryDeliveriesHandler } from '../commands/bulk-retry-commands.ts';
import { CancelDeliveryHandler, RetryDeliveryHandler } from '../commands/delivery-commands.ts';
import { RecordDraftTestHandler } from '../commands/draft-test-commands.ts';
import { RecordDisclosureHandler } from '../commands/disclosure-commands.ts';
import { ChangePortalSettingsHandler, EndPortalSessionsHandler, OpenPortalSessionHandler } from '../commands/portal-commands.ts';
import {
  CreateEndpointHandler,
  RotateEndpointSecretHandler,
  SetEndpointStatusHandler,
  TestEndpointHandler,
  UpdateEndpointHandler,
} from '../commands/endpoint-commands.ts';
import {
  DefineEventTypeHandler,
  IssueApiKeyHandler,
  ResetSigningKeyHandler,
  RetireEventTypeHandler,
  RevokeApiKeyHandler,
} from '../commands/organization-commands.ts';
import { ChangeOrganizationHandler, CreateOrganizationHandler } from '../commands/organization-lifecycle.ts';
import { RotateEncryptionKeyHandler } from '../commands/key-rotation.ts';
import { OrganizationGate } from '../commands/organization-gate.ts';
import { PublishMessagesHandler } from '../commands/publish-messages.ts';
import { PublishToOrganizationsHandler } from '../commands/publish-to-organizations.ts';
import { CancelReplayHandler, ReplayMessagesHandler } from '../commands/replay-commands.ts';
import { ChangeSourceHandler, CreateSourceHandler } from '../commands/source-commands.ts';
import { IntakeQueue } from '../commands/intake-queue.ts';
import { MessageTypes, PublishNoticeHandler } from '../delivery/saga/publish-notice.ts';
import { DeleteEndpointsHandler } from '../delivery/saga/delete-endpoints.ts';
import { DisableDeadEndpointHandler, DisableGoneEndpointHandler } from '../delivery/saga/disable-endpoints.ts';
import { messageStream } from '../domain/streams.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { ForeignEvents } from '../event-store/foreign-events.ts';
import { nestLog } from '../log.ts';
import { Arrivals } from '../read-models/directory/arrivals.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { BulkRetryQueries } from '../read-models/queries/bulk-retry-queries.ts';
import { DeliveryQueries } from '../read-models/queries/delivery-queries.ts';
import { EndpointQueries } from '../read-models/queries/endpoint-queries.ts';
import { MessageQueries } from '../read-models/queries/message-queries.ts';
import { OrganizationQueries } from '../read-models/queries/organization-queries.ts';
import { ReplayQueries } from '../read-models/queries/replay-queries.ts';
import { SourceQueries } from '../read-models/queries/source-queries.ts';
import { Vault } from '../secrets/vault.ts';
import type { LogParts } from './open-log.ts';
import type { ReadModels } from './open-read-models.ts';

const handlers = [
  PublishMessagesHandler,
  PublishToOrganizationsHandler,
  CreateEndpointHandler,
  UpdateEndpointHandler,
  SetEndpointStatusHandler,
  RotateEndpointSecretHandler,
  TestEndpointHandler,
  RetryDeliveryHandler,
  RetryDeliveriesHandler,
  CancelBulkRetryHandler,
  CancelDeliveryHandler,
  ReplayMessagesHandler,
  CancelReplayHandler,
  DefineEventTypeHandler,
  RetireEventTypeHandler,
  ResetSigningKeyHandler,
  IssueApiKeyHandler,
  RevokeApiKeyHandler,
  CreateOrganizationHandler,
  ChangeOrganizationHandler,
  RotateEncryptionKeyHandler,
  RecordDisclosureHandler,
  RecordDraftTestHandler,
  DeleteEndpointsHandler,
  OpenPortalSessionHandler,
  EndPortalSessionsHandler,
  ChangePortalSettingsHandler,
  DisableGoneEndpointHandler,
  DisableDeadEndpointHandler,
  PublishNoticeHandler,
  CreateSourceHandler,
  ChangeSourceHandler,
];

@Module({})
class CommandsModule {}

type CommandParts = {
  readonly log: Pick<LogParts, 'store' | 'executor' | 'directory' | 'vault' | 'foreign'>;
  readonly readModels: Pick<ReadModels, 'queries'>;
  readonly intake: IntakeQueue;
  readonly gate: OrganizationGate;
  readonly closedBatches: ClosedBatches;
};

const messageTypesIn = (store: EventStore): MessageTypes => ({
  typeOf: async (id) => {
    const [event] = await store.readStream(messageStream(id), { upTo: 0 });
    return event?.type === 'message.accepted' ? event.data.type : undefined;
  },
});

export const openCommands = async (
  { log: { store, executor, directory, vault, foreign }, readModels: { queries }, intake, gate, closedBatches }: CommandParts,
  log: Logger,
  opened: AsyncDisposableStack,
): Promise<CommandBus> => {
  const providers = [
    { provide: CommandExecutor, useValue: executor },
    { provide: EndpointDirectory, useValue: directory },
    { provide: Arrivals, useValue: new Arrivals(store, directory) },
    { provide: Vault, useValue: vault },
    { provide: MessageTypes, useValue: messageTypesIn(store) },
    { provide: IntakeQueue, useValue: intake },
    { provide: OrganizationGate, useValue: gate },
    { provide: ClosedBatches, useValue: closedBatches },
    { provide: DeliveryQueries, useValue: queries.deliveries },
    { provide: EndpointQueries, useValue: queries.endpoints },
    { provide: MessageQueries, useValue: queries.messages },
    { provide: OrganizationQueries, useValue: queries.organizations },
    { provide: BulkRetryQueries, useValue: queries.bulkRetries },
    { provide: ReplayQueries, useValue: queries.replays },
    { provide: SourceQueries, useValue: queries.sources },
    { provide: ForeignEvents, useValue: foreign },
    ...handlers,
  ];
  const module = { module: CommandsModule, imports: [CqrsModule.forRoot()], providers };
  const context = await NestFactory.createApplicationContext(module, { logger: nestLog(log), abortOnError: false });
  opened.defer(() => context.close());
  return context.get(CommandBus);
};
