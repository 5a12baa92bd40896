// POST /v1/messages: the intake. It is the hot path: nothing is parsed or checked twice.
import { Controller, HttpCode, Post, Query, Req } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { setImmediate } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { PublishRefused } from '../../commands/publish-refused.ts';
import { PublishToOrganizations } from '../../commands/publish-to-organizations.ts';
import {
  messageInput,
  namesOrganizations,
  PublishMessages,
  type MessageInput,
  type PublishedMessage,
} from '../../commands/publish-messages.ts';
import { Allow } from '../auth/access.ts';
import type { AuthenticatedCaller } from '../auth/authentication.ts';
import { invalidInput, validate } from '../input-validation.ts';
import { hopsHeader } from '../../domain/message.ts';
import { mapInOwnSlices } from '../../time-slices.ts';
import { checkDataSizes, checkHops, maxMessages } from '../publish-limits.ts';

/** In bytes. */
const largeBody = 1024 * 1024;

/** The paths of issues begin with the index in an array (`3.data`), but not for a single message (`data`). */
const parseMessages = async (body: unknown): Promise<MessageInput[]> => {
  if (!Array.isArray(body)) return [validate(messageInput, body)];
  if (body.length === 0 || body.length > maxMessages)
    throw invalidInput([{ path: '', message: `A request may have 1 to ${maxMessages} messages; this one has ${body.length}.` }]);
  return mapInOwnSlices(body, (each: unknown, index) => validate(messageInput, each, index));
};

/** The guard sets the caller. */
type AuthenticatedRequest = FastifyRequest & { readonly caller: AuthenticatedCaller };

@Controller('v1/messages')
export class MessagesController {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @HttpCode(202)
  @Allow('ADMIN', 'PUBLISHER')
  async publish(
    @Req() { caller, body, bodyBytes, headers }: AuthenticatedRequest,
    @Query('partial') partial: unknown,
  ): Promise<{ messages: readonly (PublishedMessage | RefusedMessage)[] }> {
    const isPartial = flagOf(partial);
    const hops = checkHops(headers[hopsHeader]);
    // What has parsed a large body has held this thread for long enough.
    if (bodyBytes !== undefined && bodyBytes >= largeBody) await setImmediate();
    const messages = await parseMessages(body);
    await checkDataSizes(messages, bodyBytes, (index) => (Array.isArray(body) ? `${index}.data` : 'data'));
    if (!isPartial && !namesOrganizations(messages))
      return { messages: await this.commands.execute(new PublishMessages(caller, messages, hops)) };
    const outcomes = await this.commands.execute(new PublishToOrganizations(caller, messages, hops, isPartial));
    return { messages: outcomes.map((each) => (each instanceof PublishRefused ? refusedMessage(each) : each)) };
  }
}

/** In the place of a message that was not taken. */
type RefusedMessage = {
  readonly refused: { readonly code: string; readonly message: string; readonly retryAfterSeconds?: number | undefined };
};

const refusedMessage = ({ code, message, retryAfterSeconds }: PublishRefused): RefusedMessage => ({
  refused: { code, message, retryAfterSeconds },
});

const flagOf = (partial: unknown): boolean => {
  if (partial === undefined || partial === 'false') return false;
  if (partial === 'true') return true;
  throw invalidInput([{ path: '?partial', message: 'must be true or false, given once; or leave it out.' }]);
};
