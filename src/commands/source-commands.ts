// The commands on sources: create, change, pause, resume, delete.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { badInput, conflict, notFound } from '../domain/errors.ts';
import { sourceId, type OrganizationId, type SourceId } from '../domain/ids.ts';
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

/** Each has its own subscription, and a connection carries a hundred of those. */
const mostSources = 32;

/** Checks what the source's own stream can't know: where the log is, whose streams these are, and which names are taken. @throws DomainError */
const checkSource = async (
  { name, streams }: Partial<SourceSettings>,
  {
    foreign,
    sources,
    organizationId,
    id,
  }: { foreign: ForeignEvents; sources: SourceQueries; organizationId: OrganizationId; id?: SourceId },
): Promise<void> => {
  if (foreign.unavailable !== undefined) throw conflict(foreign.unavailable);
  const refusal = streams && foreign.refusal(streamPrefixOf(streams));
  if (streams && refusal !== undefined) throw badInput(streams.by === 'CATEGORY' ? 'category' : 'streamPrefix', refusal);
  if (name === undefined) return;
  const named = (await sources.ofOrganization(organizationId)).find(({ configuration }) => configuration.settings.name === name);
  if (named && named.id !== id)
    throw badInput('name', `There is a source "${name}" already; give another name, because messages show it as their origin.`);
};

@CommandHandler(CreateSource)
export class CreateSourceHandler implements ICommandHandler<CreateSource> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly foreign: ForeignEvents,
    private readonly sources: SourceQueries,
  ) {}

  async execute({ caller, input: { settings, from } }: CreateSource) {
    const { organizationId } = caller;
    await checkSource(settings, { foreign: this.foreign, sources: this.sources, organizationId });
    if ((await this.sources.all()).length >= mostSources)
      throw conflict(`There are ${mostSources} sources, the most that can be read; delete one, or let one take the streams of several.`);
    const after = from === 'NOW' ? await this.foreign.end() : null;
    const id = sourceId.parse(newId());
    const command: SourceCommand = { type: 'Register', organizationId, settings, after };
    const { position } = await this.executor.execute({ stream: sourceStream(id), decider: source, command }, newCause(caller));
    return { sourceId: id, position };
  }
}

@CommandHandler(ChangeSource)
export class ChangeSourceHandler implements ICommandHandler<ChangeSource> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly foreign: ForeignEvents,
    private readonly sources: SourceQueries,
  ) {}

  async execute({ caller, sourceId, change }: ChangeSource): Promise<CommandResult> {
    const { organizationId } = caller;
    if (!(await this.sources.find(organizationId, sourceId)))
      throw notFound(`There is no source "${sourceId}"; \`sources\` lists the ones that exist.`);
    if (change.type === 'Change')
      await checkSource(change.settings, { foreign: this.foreign, sources: this.sources, organizationId, id: sourceId });
    return this.executor.execute({ stream: sourceStream(sourceId), decider: source, command: change }, newCause(caller));
  }
}
