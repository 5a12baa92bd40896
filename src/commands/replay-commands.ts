// The commands on replays: request one, cancel one. The replayer (src/delivery) runs them.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import * as z from 'zod';
import { conflict, notFound } from '../domain/errors.ts';
import { replayId, type EndpointId, type ReplayId } from '../domain/ids.ts';
import { replay, replayScopes, type ReplayFilter } from '../domain/replay.ts';
import { newId } from '../event-store/id-generation.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
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
  .transform(({ eventType, since, until, only, matching }): ReplayFilter => ({
    ...(eventType && { eventType }),
    ...(since && { since: new Date(since).toISOString() }),
    ...(until && { until: new Date(until).toISOString() }),
    ...(only && { only }),
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
  ) {}

  async execute({ caller, endpointId, filter, ratePerSecond: rate }: ReplayMessages) {
    const { organizationId } = caller;
    const { configuration } = this.directory.requireEndpoint(organizationId, endpointId);
    if (configuration.status === 'DISABLED') throw conflict('The endpoint is disabled; enable it before you send past messages to it.');
    const id = replayId.parse(newId());
    const command = { type: 'Request', now: new Date(), organizationId, endpointId, filter, ratePerSecond: rate } as const;
    const { position } = await this.executor.execute({ stream: replayStream(id), decider: replay, command }, newCause(caller));
    return { replayId: id, position };
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
