// PublishMessages: accepts messages, decides where each goes, and answers once all are durable.
import { setImmediate } from 'node:timers/promises';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import * as z from 'zod';
import type { MessageId, Position } from '../domain/ids.ts';
import { jsonObject } from '../domain/json.ts';
import {
  longestMessageType,
  longestOrderingKey,
  message,
  messageTypeSyntax,
  type AcceptMessage,
  type Message,
  type MessageEvent,
} from '../domain/message.ts';
import { isOwnType, ownTypeRefused } from '../domain/operational-message.ts';
import { messageIdOf, newMessageId } from '../event-store/id-generation.ts';
import { isInYearsOfIso } from '../domain/timestamp.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { newCause, publisherOf, type Caller } from './caller.ts';
import { CommandExecutor, type StreamCommand } from './command-executor.ts';
import { IntakeQueue } from './intake-queue.ts';
import { MessageRouter, type Routed } from './message-router.ts';
import { messageStream } from '../domain/streams.ts';
import { mapInOwnSlices } from '../time-slices.ts';

/** Source: api.md, "HTTP". The size of `data` is checked where the bytes come in. */
export const messageInput = z.strictObject({
  type: z
    .string({ error: 'must be a string such as "meeting.ended"' })
    .max(longestMessageType, { error: `must be at most ${longestMessageType} characters` })
    .regex(messageTypeSyntax, { error: 'must be words of A-Z, a-z, 0-9, _ and -, separated by dots' })
    .refine((type) => !isOwnType(type), { error: ownTypeRefused }),
  data: jsonObject,
  id: z.string({ error: 'must be a string' }).min(1, { error: 'must not be empty; leave it out to be given one' }).max(256).optional(),
  timestamp: z.iso
    .datetime({ offset: true, error: 'must be ISO 8601 with a time zone, such as 2026-01-15T10:30:00Z' })
    .refine(isInYearsOfIso, { error: 'must be in the years 0001 to 9999 in UTC' })
    .optional(),
  orderingKey: z
    .string({ error: 'must be a string' })
    .min(1, { error: 'must not be empty; leave it out for none' })
    .max(longestOrderingKey, { error: `must be at most ${longestOrderingKey} characters` })
    .refine((key) => key.isWellFormed() && !key.includes('\0'), { error: 'holds half a character or a NUL; leave it out of the key' })
    .optional(),
});
export type MessageInput = z.infer<typeof messageInput>;

export type PublishedMessage = {
  readonly id: MessageId;
  readonly duplicate: boolean;
  readonly destinations: number;
  readonly position: Position;
};

export class PublishMessages extends Command<readonly PublishedMessage[]> {
  constructor(
    readonly caller: Caller,
    readonly messages: readonly MessageInput[],
    /** Deliveries of ours that led to this, one by the other: `hookledger-hops` of the request that we made. */
    readonly hops = 0,
  ) {
    super();
  }
}

const largePublish = 100;

/** The log tells whether it has a message with the publisher's id. An id that was generated here can't be in it. */
const expectedNew = { state: message.initial, revision: 'no-stream' } as const;
const certainlyNew = { ...expectedNew, isNew: true } as const;

@CommandHandler(PublishMessages)
export class PublishMessagesHandler implements ICommandHandler<PublishMessages> {
  private readonly router: MessageRouter;

  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
    private readonly queue: IntakeQueue,
  ) {
    this.router = new MessageRouter(directory);
  }

  async execute(command: PublishMessages): Promise<readonly PublishedMessage[]> {
    const { caller, messages } = command;
    this.directory.requireActive(caller.organizationId);
    const now = new Date();
    // Before the messages take up room on their way into the log: where filters are costly, this takes seconds.
    const routed = await this.router.route(caller.organizationId, messages, now);
    return this.queue.run(publisherOf(caller), messages.length, async () => {
      if (messages.length > largePublish) await setImmediate(); // others have a turn before it takes one of some milliseconds
      return this.accept(command, routed, now);
    });
  }

  private async accept(
    { caller, hops }: PublishMessages,
    messages: readonly Routed<MessageInput>[],
    now: Date,
  ): Promise<readonly PublishedMessage[]> {
    const decisions = await mapInOwnSlices(
      messages,
      ({ message: input, routing }): StreamCommand<AcceptMessage, MessageEvent, Message> & { id: MessageId } => {
        const id = input.id === undefined ? newMessageId() : messageIdOf(caller.organizationId, input.id);
        const command: AcceptMessage = {
          type: 'AcceptMessage',
          organizationId: caller.organizationId,
          clientId: input.id,
          messageType: input.type,
          timestamp: input.timestamp,
          data: input.data,
          orderingKey: input.orderingKey,
          now,
          hops,
          ...routing,
        };
        return { id, stream: messageStream(id), decider: message, command, expected: input.id === undefined ? certainlyNew : expectedNew };
      },
    );
    const outcomes = await this.executor.executeAll(decisions, newCause(caller));
    return decisions.map(({ id }, i) => {
      const { events = [], position, state } = outcomes[i] ?? {};
      return {
        id,
        duplicate: events.length === 0,
        destinations: state?.status === 'accepted' ? state.destinations : 0,
        position: position as Position, // an accepted message has one
      };
    });
  }
}
