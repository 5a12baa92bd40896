// The commands on sources: create, change, pause, resume, delete.
import { Injectable } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { badInput, conflict, notFound } from '../domain/errors.ts';
import type { OrganizationId, SourceId } from '../domain/ids.ts';
import type { SourceInput } from '../domain/source-settings.ts';
import { source, streamPrefixOf, type SourceCommand, type SourceSettings } from '../domain/source.ts';
import { ForeignEvents } from '../event-store/foreign-events.ts';
import { newId } from '../event-store/id-generation.ts';
import { SourceQueries } from '../read-models/queries/source-queries.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';
import { sourceStream } from '../domain/streams.ts';

export class CreateSource extends Command<CommandResult & { readonly sourceId: SourceId }> {
  constructor(
    readonly caller: Caller,
    readonly input: SourceInput,
  ) {
    super();
  }
}

/** Change, Pause, Resume or Delete. */
export class ChangeSource extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly sourceId: SourceId,
    readonly change: Exclude<SourceCommand, { type: 'Register' }>,
  ) {
    super();
  }
}

/** Each has a subscription of its own, of which a connection carries a hundred. */
const mostSources = 32;

@Injectable()
class SourceCommands {
  constructor(
    protected readonly executor: CommandExecutor,
    protected readonly foreign: ForeignEvents,
    protected readonly sources: SourceQueries,
  ) {}

  /** What is outside of the source itself: where the log is, whose streams these are, which names are taken. */
  protected async check(organization: OrganizationId, { name, streams }: Partial<SourceSettings>, own?: SourceId): Promise<void> {
    if (this.foreign.unavailable !== undefined) throw conflict(this.foreign.unavailable);
    const refusal = streams && this.foreign.refusal(streamPrefixOf(streams));
    if (streams && refusal !== undefined) throw badInput(streams.by === 'CATEGORY' ? 'category' : 'streamPrefix', refusal);
    if (name === undefined) return;
    const named = (await this.sources.ofOrganization(organization)).find(({ configuration }) => configuration.settings.name === name);
    if (named && named.id !== own)
      throw badInput('name', `There is a source "${name}" already; give another name, as messages tell by it where they came from.`);
  }

  protected async decide(caller: Caller, id: SourceId, command: SourceCommand): Promise<CommandResult> {
    const { position } = await this.executor.execute({ stream: sourceStream(id), decider: source, command }, newCause(caller));
    return { position };
  }
}

@CommandHandler(CreateSource)
export class CreateSourceHandler extends SourceCommands implements ICommandHandler<CreateSource> {
  async execute({ caller, input: { settings, from } }: CreateSource) {
    const { organizationId } = caller;
    await this.check(organizationId, settings);
    if ((await this.sources.all()).length >= mostSources)
      throw conflict(`There are ${mostSources} sources, and more can't be read; delete one, or let one take the streams of several.`);
    const after = from === 'NOW' ? await this.foreign.end() : null;
    const sourceId = newId() as SourceId;
    return { sourceId, ...(await this.decide(caller, sourceId, { type: 'Register', organizationId, settings, after })) };
  }
}

@CommandHandler(ChangeSource)
export class ChangeSourceHandler extends SourceCommands implements ICommandHandler<ChangeSource> {
  async execute({ caller, sourceId, change }: ChangeSource): Promise<CommandResult> {
    const { organizationId } = caller;
    const known = await this.sources.find(organizationId, sourceId);
    if (!known) throw notFound(`There is no source "${sourceId}"; \`sources\` lists those that are.`);
    if (change.type === 'Change') await this.check(organizationId, change.settings, sourceId);
    return this.decide(caller, sourceId, change);
  }
}
