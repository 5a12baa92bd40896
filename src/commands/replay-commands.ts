// The commands on replays: request one, cancel one. The replayer (src/delivery) runs them.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import * as z from 'zod';
import { conflict, notFound } from '../domain/errors.ts';
import { messageId, replayId, type EndpointId, type OrganizationId, type ReplayId } from '../domain/ids.ts';
import { replay, replayScopes, type ReplayFilter } from '../domain/replay.ts';
import { newId } from '../event-store/id-generation.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { MessageQueries } from '../read-models/queries/message-queries.ts';
import { ReplayQueries } from '../read-models/queries/replay-queries.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';
import { replayStream } from '../domain/streams.ts';

const most = 1_000;
const rate = `ratePerSecond is a number from 0.1 to ${most}: messages sent in a second, at most.`;
export const ratePerSecond = z.number({ error: rate }).min(0.1, rate).max(most, rate);

const moment = z.iso.datetime({ offset: true });
/** A filter as given by a caller. Fields that are absent or null do not narrow it. */
export const replayFilter = z
  .strictObject({
    eventType: z.string().nullish(),
    messageId: messageId.nullish(),
    since: moment.nullish(),
    until: moment.nullish(),
    only: z
      .array(z.enum(replayScopes, { error: `There is no such choice; choose ${replayScopes.join(', ')}.` }))
      .min(1, `The list is empty; choose ${replayScopes.join(', ')}, or leave it out for all.`)
      .nullish(),
    matching: z.boolean().nullish(),
  })
  .refine(({ since, until }) => !since || !until || Date.parse(since) <= Date.parse(until), {
    path: ['until'],
    error: '`until` is before `since`; swap them, or leave one out.',
  })
  .transform(({ eventType, messageId, since, until, only, matching }): ReplayFilter => ({
    ...(eventType && { eventType }),
    ...(since && { since: new Date(since).toISOString() }),
    ...(until && { until: new Date(until).toISOString() }),
    ...(only && { only }),
    ...(messageId && { messageId }),
    matching: matching ?? true,
  }));

/** Refused for a disabled endpoint, because the messages would wait until it is enabled. */
export class ReplayMessages extends Command<CommandResult & { readonly replayId: ReplayId }> {
  constructor(
    readonly caller: Caller,
    readonly endpointId: EndpointId,
    readonly filter: ReplayFilter,
    readonly ratePerSecond: number,
  ) {
    super();
  }
}

export class CancelReplay extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly replayId: ReplayId,
  ) {
    super();
  }
}

@CommandHandler(ReplayMessages)
export class ReplayMessagesHandler implements ICommandHandler<ReplayMessages> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
    private readonly messages: MessageQueries,
  ) {}

  async execute({ caller, endpointId, filter, ratePerSecond: rate }: ReplayMessages) {
    const { organizationId } = caller;
    const { configuration } = this.directory.requireEndpoint(organizationId, endpointId);
    if (configuration.status === 'DISABLED') throw conflict('The endpoint is disabled; enable it before you send past messages to it.');
    const id = replayId.parse(newId());
    const narrowed = await this.narrowed(organizationId, filter);
    const command = { type: 'Request', now: new Date(), organizationId, endpointId, filter: narrowed, ratePerSecond: rate } as const;
    const { position } = await this.executor.execute({ stream: replayStream(id), decider: replay, command }, newCause(caller));
    return { replayId: id, position };
  }

  /** A replica of an older version does not know `messageId`: the time keeps it from sending other messages than those of that millisecond. */
  private async narrowed(organizationId: OrganizationId, filter: ReplayFilter): Promise<ReplayFilter> {
    if (filter.messageId === undefined) return filter;
    const message = await this.messages.find(organizationId, filter.messageId);
    if (!message) throw notFound(`There is no message "${filter.messageId}"; \`messages\` lists the existing ones.`);
    if (message.test)
      throw conflict('It is the message of a test, which goes to no other endpoint; `testEndpoint` sends its content to an endpoint.');
    const { eventType, acceptedAt: since } = message;
    return { ...filter, eventType, since, until: new Date(Date.parse(since) + 1).toISOString() };
  }
}

@CommandHandler(CancelReplay)
export class CancelReplayHandler implements ICommandHandler<CancelReplay> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly replays: ReplayQueries,
  ) {}

  async execute({ caller, replayId }: CancelReplay): Promise<CommandResult> {
    if (!(await this.replays.find(caller.organizationId, replayId)))
      throw notFound(`There is no replay "${replayId}"; \`replays\` lists the ones that exist.`);
    const command = { type: 'Cancel', now: new Date(), reason: `cancelled by ${caller.actor}` } as const;
    const { position } = await this.executor.execute({ stream: replayStream(replayId), decider: replay, command }, newCause(caller));
    return { position };
  }
}
