// The commands on sources: create, change, pause, resume, delete.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { badInput, conflict, forbidden, notFound } from '../domain/errors.ts';
import { sourceId, type OrganizationId, type SourceId } from '../domain/ids.ts';
import type { SourceInput } from '../domain/source-settings.ts';
import { ownOnly, source, streamPrefixOf, type SourceCommand, type SourceSettings } from '../domain/source.ts';
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

/**
 * A source that publishes for other organizations is set by who may do that itself. Renaming, pausing and deleting it are its organization's own affair.
 * @param before what it does now
 * @throws DomainError FORBIDDEN
 */
const checkOrganizations = (
  { spansOrganizations, mayCreateOrganizations }: Caller,
  changed: Partial<SourceSettings>,
  before: Pick<SourceSettings, 'organizationFrom' | 'createOrganizations'>,
): void => {
  const { name: _, ...others } = changed;
  const { organizationFrom, createOrganizations } = { ...before, ...others };
  if (organizationFrom === null && createOrganizations)
    throw badInput('createOrganizations', 'Name where events say their organization: give organizationFrom as well.');
  if (organizationFrom === null && before.organizationFrom === null) return;
  if (Object.keys(others).length === 0) return;
  if (!spansOrganizations)
    throw forbidden(
      'Only a key that spans the installation sets a source that publishes for other organizations; leave out organizationFrom.',
    );
  if (createOrganizations && !mayCreateOrganizations)
    throw forbidden(
      'Only an admin key that spans the installation sets a source that creates organizations; leave out createOrganizations.',
    );
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
    checkOrganizations(caller, settings, ownOnly);
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
    const found = await this.sources.find(organizationId, sourceId);
    if (!found) throw notFound(`There is no source "${sourceId}"; \`sources\` lists the ones that exist.`);
    if (change.type === 'Change') checkOrganizations(caller, change.settings, found.configuration.settings);
    if (change.type === 'Change')
      await checkSource(change.settings, { foreign: this.foreign, sources: this.sources, organizationId, id: sourceId });
    return this.executor.execute({ stream: sourceStream(sourceId), decider: source, command: change }, newCause(caller));
  }
}
