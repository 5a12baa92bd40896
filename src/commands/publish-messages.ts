// PublishMessages: accepts messages, decides where each goes, and answers once all are durable.
import { setImmediate } from 'node:timers/promises';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import * as z from 'zod';
import { asOrganizationId, type MessageId, type Position } from '../domain/ids.ts';
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
import { OrganizationGate } from './organization-gate.ts';
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
  organization: z
    .string({ error: 'must be a string' })
    .max(128, { error: 'must be at most 128 characters' })
    .transform(asOrganizationId)
    .optional(),
});
export type MessageInput = z.infer<typeof messageInput>;

/** Whether any names the organization that it is for. */
export const namesOrganizations = (messages: readonly MessageInput[]): boolean =>
  messages.some(({ organization }) => organization !== undefined);

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
    directory: EndpointDirectory,
    private readonly queue: IntakeQueue,
    private readonly gate: OrganizationGate = new OrganizationGate(directory),
  ) {
    this.router = new MessageRouter(directory);
  }

  async execute(command: PublishMessages): Promise<readonly PublishedMessage[]> {
    const { caller, messages } = command;
    const { organizationId } = caller;
    this.gate.admit(organizationId, messages.length);
    if (this.gate.hasSizeLimit(organizationId)) await mapInOwnSlices(messages, ({ data }) => this.gate.checkSize(organizationId, data));
    const now = new Date();
    // Before the messages take up room on their way into the log: where filters are costly, this takes seconds.
    const routed = await this.router.route(organizationId, messages, now);
    return this.queue.run(publisherOf(caller, organizationId), messages.length, async () => {
      if (messages.length > largePublish) await setImmediate(); // others have a turn before it takes one of some milliseconds
      return this.accept(command, routed, now);
    });
  }

  private async accept(
    { caller, hops }: PublishMessages,
    messages: readonly Routed<MessageInput>[],
    now: Date,
  ): Promise<readonly PublishedMessage[]> {
    const decisions = await mapInOwnSlices(messages, (each) => acceptanceOf(caller, hops, now, each));
    const outcomes = await this.executor.executeAll(decisions, newCause(caller));
    return decisions.map(({ id }, i) => publishedMessage(id, outcomes[i]));
  }
}

/** What accepts a message in the organization that it names, else in the caller's. */
export const acceptanceOf = (
  caller: Caller,
  hops: number,
  now: Date,
  { message: input, routing }: Routed<MessageInput>,
): StreamCommand<AcceptMessage, MessageEvent, Message> & { readonly id: MessageId } => {
  const organizationId = input.organization ?? caller.organizationId;
  const id = input.id === undefined ? newMessageId() : messageIdOf(organizationId, input.id);
  const command: AcceptMessage = {
    type: 'AcceptMessage',
    organizationId,
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
};

type Outcome = { readonly events: readonly unknown[]; readonly position: Position | undefined; readonly state: Message };

export const publishedMessage = (id: MessageId, outcome: Outcome | undefined): PublishedMessage => {
  const { events = [], position, state } = outcome ?? {};
  return {
    id,
    duplicate: events.length === 0,
    destinations: state?.status === 'accepted' ? state.destinations : 0,
    position: position as Position, // an accepted message has one
  };
};
