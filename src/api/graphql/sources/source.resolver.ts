// Sources over GraphQL: queries, every change of a source, and the events that it skipped.
import { Inject } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import type { CommandResult } from '../../../commands/caller.ts';
import { ChangeSource, CreateSource } from '../../../commands/source-commands.ts';
import type { SettingsOptions } from '../../../domain/endpoint-settings.ts';
import { notFound } from '../../../domain/errors.ts';
import type { SourceId } from '../../../domain/ids.ts';
import { sourceInput, sourcePatch } from '../../../domain/source-settings.ts';
import { SourceQueries } from '../../../read-models/queries/source-queries.ts';
import { AllowOperators, AllowReaders } from '../../auth/access.ts';
import { prefixIssuePaths, validate } from '../../input-validation.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { RUNNING_SOURCES, SETTINGS_OPTIONS, type RunningSources } from '../../tokens.ts';
import { toConnection, PageArgs, parsePageArgs, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { toSource, SkippedEvent, SkippedEventConnection, Source, SourceInput, SourcePatch } from './source.types.ts';

@Resolver(() => Source)
export class SourceResolver {
  private readonly input: ReturnType<typeof sourceInput>;
  private readonly patch: ReturnType<typeof sourcePatch>;

  constructor(
    private readonly commands: CommandBus,
    private readonly queries: SourceQueries,
    private readonly writes: ReadYourWrites,
    @Inject(RUNNING_SOURCES) private readonly running: RunningSources,
    @Inject(SETTINGS_OPTIONS) options: SettingsOptions,
  ) {
    this.input = sourceInput(options);
    this.patch = sourcePatch(options);
  }

  // ── Queries ──

  @Query(() => Source, { nullable: true })
  @AllowReaders()
  async source(@Args('id', { type: () => ID }) id: SourceId, @Context() { caller }: ApiContext): Promise<Source | null> {
    const view = await this.queries.find(caller.organizationId, id);
    return view ? toSource(view, this.running) : null;
  }

  @Query(() => [Source])
  @AllowReaders()
  async sources(@Context() { caller }: ApiContext): Promise<Source[]> {
    return (await this.queries.ofOrganization(caller.organizationId)).map((view) => toSource(view, this.running));
  }

  @Query(() => SkippedEventConnection, { description: 'Newest first.' })
  @AllowReaders()
  async skippedEvents(
    @Args('sourceId', { type: () => ID }) sourceId: SourceId,
    @Args() page: PageArgs,
    @Context() { caller }: ApiContext,
  ): Promise<Connection<SkippedEvent>> {
    return toConnection(await this.queries.skippedEvents(caller.organizationId, sourceId, parsePageArgs(page)), (view) => view);
  }

  // ── Mutations ──

  @Mutation(() => Source)
  @AllowOperators()
  async createSource(@Args('input') input: SourceInput, @Context() { caller }: ApiContext): Promise<Source> {
    const command = new CreateSource(caller, validate(this.input, input, 'input'));
    const { sourceId } = await this.waitFor(prefixIssuePaths('input', this.commands.execute(command)));
    return this.answer(sourceId, caller);
  }

  @Mutation(() => Source, {
    description: 'Only the fields that are given change. The change applies to events that the source has not handled yet.',
  })
  @AllowOperators()
  async updateSource(
    @Args('id', { type: () => ID }) id: SourceId,
    @Args('input') input: SourcePatch,
    @Context() { caller }: ApiContext,
  ): Promise<Source> {
    const settings = validate(this.patch, input, 'input');
    const command = new ChangeSource(caller, id, { type: 'Change', settings });
    await this.waitFor(prefixIssuePaths('input', this.commands.execute(command)));
    return this.answer(id, caller);
  }

  @Mutation(() => Source, { description: 'Its events stay where they are, and become messages once it is resumed.' })
  @AllowOperators()
  pauseSource(@Args('id', { type: () => ID }) id: SourceId, @Context() context: ApiContext): Promise<Source> {
    return this.setStatus(id, 'Pause', context);
  }

  @Mutation(() => Source)
  @AllowOperators()
  resumeSource(@Args('id', { type: () => ID }) id: SourceId, @Context() context: ApiContext): Promise<Source> {
    return this.setStatus(id, 'Resume', context);
  }

  @Mutation(() => ID)
  @AllowOperators()
  async deleteSource(@Args('id', { type: () => ID }) id: SourceId, @Context() { caller }: ApiContext): Promise<string> {
    await this.waitFor(this.commands.execute(new ChangeSource(caller, id, { type: 'Delete' })));
    return id;
  }

  private async setStatus(id: SourceId, type: 'Pause' | 'Resume', { caller }: ApiContext): Promise<Source> {
    await this.waitFor(this.commands.execute(new ChangeSource(caller, id, { type })));
    return this.answer(id, caller);
  }

  /** The running sources read their settings from the views, so they are told only once the views have the change. */
  private async waitFor<R extends CommandResult>(execution: Promise<R>): Promise<R> {
    const result = await this.writes.waitForViews(await execution);
    this.running.look();
    return result;
  }

  private async answer(id: SourceId, { organizationId }: ApiContext['caller']): Promise<Source> {
    const view = await this.queries.find(organizationId, id);
    if (!view) throw notFound('The change is recorded, but the views do not show it yet, or the source was deleted meanwhile.');
    return toSource(view, this.running);
  }
}
