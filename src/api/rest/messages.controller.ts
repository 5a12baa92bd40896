// POST /v1/messages: the intake. It is the hot path, so it does nothing twice.
import { Controller, HttpCode, Post, Req } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { messageInput, PublishMessages, type MessageInput, type PublishedMessage } from '../../commands/publish-messages.ts';
import { Allow } from '../auth/access.ts';
import type { AuthenticatedCaller } from '../auth/authentication.ts';
import { checkDataSizes } from '../payload-size.ts';
import { badIssues, validate } from '../refusal.ts';

export const mostMessages = 1000;

/** Issues of an array are told with the index first: `3.data`; those of a single message without: `data`. */
const messagesOf = (body: unknown): MessageInput[] => {
  if (!Array.isArray(body)) return [validate(messageInput, body)];
  if (body.length === 0 || body.length > mostMessages)
    throw badIssues([{ path: '', message: `A request takes 1 to ${mostMessages} messages; this one has ${body.length}.` }]);
  return body.map((each: unknown, index) => validate(messageInput, each, index));
};

@Controller('v1/messages')
export class MessagesController {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @HttpCode(202)
  @Allow('ADMIN', 'PUBLISHER')
  async publish(@Req() request: FastifyRequest): Promise<{ messages: readonly PublishedMessage[] }> {
    const { body, bodyBytes } = request;
    const messages = messagesOf(body);
    checkDataSizes(messages, bodyBytes, (index) => (Array.isArray(body) ? `${index}.data` : 'data'));
    // The guard has set the caller.
    return { messages: await this.commands.execute(new PublishMessages(request.caller as AuthenticatedCaller, messages)) };
  }
}
