// The handler of PublishNotice: accepts an operational message, and routes it like others. Its id follows from the event that caused it, so it is accepted
// once, however often the saga comes to that event.
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { MessageRouter } from '../../commands/message-router.ts';
import { DomainError } from '../../domain/errors.ts';
import type { MessageId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { message, type AcceptMessage } from '../../domain/message.ts';
import { operationalTypeOf } from '../../domain/operational-message.ts';
import { messageStream } from '../../domain/streams.ts';
import { messageIdOf } from '../../event-store/id-generation.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { PublishNotice } from './saga-commands.ts';

/** Reads the type of an accepted message from the log. */
export abstract class MessageTypes {
  abstract typeOf(id: MessageId): Promise<string | undefined>;
}

@CommandHandler(PublishNotice)
export class PublishNoticeHandler implements ICommandHandler<PublishNotice> {
  private readonly router: MessageRouter;

  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
    private readonly types: MessageTypes,
  ) {
    this.router = new MessageRouter(directory);
  }

  async execute(notice: PublishNotice): Promise<void> {
    const { kind, endpointId, at, cause } = notice;
    const endpoint = this.directory.endpoint(endpointId);
    if (!endpoint) return; // it was deleted since
    const { organizationId, settings } = endpoint.configuration;
    const data = await this.dataOf(notice, settings.name);
    const [type, now] = [operationalTypeOf(kind), new Date()];
    const [routed] = await this.router.route(organizationId, [{ type, data }], now);
    if (!routed) throw new Error('A message was not routed.');
    const clientId = `${type}/${cause.causationId}`;
    const command: AcceptMessage = {
      type: 'AcceptMessage',
      organizationId,
      clientId,
      messageType: type,
      timestamp: new Date(at).toISOString(),
      data,
      now,
      hops: 0,
      ...routed.routing,
    };
    const stream = messageStream(messageIdOf(organizationId, clientId));
    const expected = { state: message.initial, revision: 'no-stream' } as const;
    try {
      await this.executor.execute(
        { stream, decider: message, command, expected },
        { actor: 'system:delivery-saga', commandId: clientId, ...cause },
      );
    } catch (error) {
      // It was accepted before a crash, and the endpoint renamed since.
      if (!(error instanceof DomainError) || error.code !== 'CONFLICT') throw error;
    }
  }

  private async dataOf({ endpointId, reason, since, subject }: PublishNotice, endpointName: string): Promise<JsonObject> {
    const common = { endpointId, endpointName, reason, since: new Date(since).toISOString() };
    if (!subject) return common;
    if (!('messageId' in subject)) return { ...common, batchId: subject.batchId };
    const { messageId, deliveryId } = subject;
    return { ...common, messageId, deliveryId, eventType: (await this.types.typeOf(messageId)) ?? null };
  }
}
