// Sources over GraphQL: read, made, changed, paused, and what of them was skipped.
import { Inject } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { ChangeSource, CreateSource } from '../../../commands/source-commands.ts';
import type { SettingsOptions } from '../../../domain/endpoint-settings.ts';
import { notFound } from '../../../domain/errors.ts';
import type { SourceId } from '../../../domain/ids.ts';
import { sourceInput, sourcePatch } from '../../../domain/source-settings.ts';
import { SourceQueries } from '../../../read-models/queries/source-queries.ts';
import { Allow, AllowReaders } from '../../auth/access.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { validate } from '../../refusal.ts';
import { RUNNING_SOURCES, SETTINGS_OPTIONS, type RunningSources } from '../../tokens.ts';
import { asConnection, PageArgs, pageRequest, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { inInput } from '../endpoints/endpoint.resolver.ts';
import { shownSkipped, shownSource, SkippedEvent, SkippedEventConnection, Source, SourceInput, SourcePatch } from './source.types.ts';

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
    return view ? shownSource(view, this.running) : null;
  }

  @Query(() => [Source])
  @AllowReaders()
  async sources(@Context() { caller }: ApiContext): Promise<Source[]> {
    return (await this.queries.ofOrganization(caller.organizationId)).map((view) => shownSource(view, this.running));
  }

  @Query(() => SkippedEventConnection, { description: 'Newest first.' })
  @AllowReaders()
  async skippedEvents(
    @Args('sourceId', { type: () => ID }) sourceId: SourceId,
    @Args() page: PageArgs,
    @Context() { caller }: ApiContext,
  ): Promise<Connection<SkippedEvent>> {
    return asConnection(await this.queries.skippedEvents(caller.organizationId, sourceId, pageRequest(page)), shownSkipped);
  }

  // ── Mutations ──

  @Mutation(() => Source)
  @Allow('ADMIN')
  async createSource(@Args('input') input: SourceInput, @Context() { caller }: ApiContext): Promise<Source> {
    const given = validate(this.input, input, 'input');
    const { sourceId } = await this.done(inInput(this.commands.execute(new CreateSource(caller, given))));
    return this.shown(sourceId, caller);
  }

  @Mutation(() => Source, {
    description: 'Only the fields that are given change. What was handled stays as it was; the change counts from where the source is on.',
  })
  @Allow('ADMIN')
  async updateSource(
    @Args('id', { type: () => ID }) id: SourceId,
    @Args('input') input: SourcePatch,
    @Context() { caller }: ApiContext,
  ): Promise<Source> {
    const settings = validate(this.patch, input, 'input');
    await this.done(inInput(this.commands.execute(new ChangeSource(caller, id, { type: 'Change', settings }))));
    return this.shown(id, caller);
  }

  @Mutation(() => Source, { description: 'Events are left where they are, and become messages when it is resumed.' })
  @Allow('ADMIN')
  pauseSource(@Args('id', { type: () => ID }) id: SourceId, @Context() context: ApiContext): Promise<Source> {
    return this.setStatus(id, 'Pause', context);
  }

  @Mutation(() => Source)
  @Allow('ADMIN')
  resumeSource(@Args('id', { type: () => ID }) id: SourceId, @Context() context: ApiContext): Promise<Source> {
    return this.setStatus(id, 'Resume', context);
  }

  @Mutation(() => ID)
  @Allow('ADMIN')
  async deleteSource(@Args('id', { type: () => ID }) id: SourceId, @Context() { caller }: ApiContext): Promise<string> {
    await this.done(this.commands.execute(new ChangeSource(caller, id, { type: 'Delete' })));
    return id;
  }

  private async setStatus(id: SourceId, type: 'Pause' | 'Resume', { caller }: ApiContext): Promise<Source> {
    await this.done(this.commands.execute(new ChangeSource(caller, id, { type })));
    return this.shown(id, caller);
  }

  private async done<D extends Parameters<ReadYourWrites['shown']>[0]>(result: Promise<D>): Promise<D> {
    const done = await this.writes.shown(await result);
    this.running.look();
    return done;
  }

  private async shown(id: SourceId, { organizationId }: ApiContext['caller']): Promise<Source> {
    const view = await this.queries.find(organizationId, id);
    if (!view) throw notFound('The source is recorded, but the views do not show it yet, or it was deleted meanwhile.');
    return shownSource(view, this.running);
  }
}
