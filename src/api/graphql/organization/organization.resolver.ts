// The organization over GraphQL: its signing key and event types.
import { Inject, Optional } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import { RecordDisclosure } from '../../../commands/disclosure-commands.ts';
import { DefineEventType, ResetSigningKey, RetireEventType } from '../../../commands/organization-commands.ts';
import { RotateEncryptionKey } from '../../../commands/key-rotation.ts';
import { notFound } from '../../../domain/errors.ts';
import type { OrganizationId } from '../../../domain/ids.ts';
import { isLongEnough } from '../../../domain/endpoint-settings.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { OrganizationQueries } from '../../../read-models/queries/organization-queries.ts';
import { Allow, AllowOperators, AllowPortal, AllowReaders } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { Refusal } from '../../refusal.ts';
import { READ_ONLY } from '../../tokens.ts';
import type { ApiContext } from '../context.ts';
import { eventTypeInput } from './event-type-input.ts';
import { EventType, EventTypeInput, Organization } from './organization.types.ts';

const newSigningKey = z
  .string()
  .min(1, { error: 'is empty; leave it out to have a key generated', abort: true })
  .refine(isLongEnough, 'must have at least 8 characters; leave it out to have a long random one generated')
  .max(1024, 'must be at most 1024 characters')
  .refine((key) => key.isWellFormed() && !/\p{Cc}/u.test(key), 'contains a control character or half a character; give printable text');

@Resolver(() => Organization)
export class OrganizationResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: OrganizationQueries,
    private readonly directory: EndpointDirectory,
    private readonly writes: ReadYourWrites,
    @Optional() @Inject(READ_ONLY) private readonly readOnly?: string,
  ) {}

  @Query(() => Organization, {
    description: 'The one that the call acts for; `id` names another, for keys that span the installation.',
  })
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  organization(
    @Args('id', { type: () => ID, nullable: true }) id: OrganizationId | null | undefined,
    @Context() { caller }: ApiContext,
  ): Organization {
    if (id !== null && id !== undefined && id !== caller.organizationId && !caller.spansOrganizations)
      throw notFound('There is no such organization.');
    return this.answer({ organizationId: id ?? caller.organizationId });
  }

  @Query(() => [EventType])
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  async eventTypes(@Context() { caller, hiddenTypes }: ApiContext): Promise<EventType[]> {
    const all = await this.queries.eventTypes(caller.organizationId);
    return all.filter(({ name }) => !hiddenTypes.has(name));
  }

  @Mutation(() => EventType)
  @AllowOperators()
  async defineEventType(@Args('input') input: EventTypeInput, @Context() { caller }: ApiContext): Promise<EventType> {
    const { name, group, description, sample, shared, audience } = validate(eventTypeInput, input, 'input');
    const shown = { description: description ?? null, sample: sample ?? null, audience: audience ?? ('PUBLIC' as const) };
    const eventType = { name, group: group ?? undefined, ...shown, shared: shared ?? false };
    await this.writes.waitForConfiguration(await this.commands.execute(new DefineEventType(caller, eventType)));
    return this.eventType(name, caller);
  }

  @Mutation(() => EventType)
  @AllowOperators()
  async retireEventType(@Args('name') name: string, @Context() { caller }: ApiContext): Promise<EventType> {
    await this.writes.waitForConfiguration(await this.commands.execute(new RetireEventType(caller, name)));
    return this.eventType(name, caller);
  }

  @Mutation(() => Organization)
  @Allow('ADMIN')
  async resetSigningKey(
    @Args('key', { type: () => String, nullable: true }) key: string | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Organization> {
    const newKey = validate(newSigningKey.nullish(), key, 'key') ?? undefined;
    await this.writes.waitForConfiguration(await this.commands.execute(new ResetSigningKey(caller, newKey)));
    return this.answer(caller);
  }

  @ResolveField(() => String, { description: 'Admins only.' })
  async signingKey(@Parent() { id }: Organization, @Context() { caller }: ApiContext): Promise<string> {
    const { signingKey } = this.directory.requireOrganization(id);
    if (signingKey === null) throw new Error(`The organization ${id} has no signing key, although every start sets one.`);
    if (this.readOnly !== undefined) throw new Refusal('FORBIDDEN', this.readOnly); // it could not be recorded
    await this.commands.execute(new RecordDisclosure({ ...caller, organizationId: id }, undefined));
    return signingKey;
  }

  @Mutation(() => Organization, {
    description:
      'New secrets are encrypted under a new data key from here on. The keys before it stay in the log, to open what they encrypted.',
  })
  @Allow('ADMIN')
  async rotateEncryptionKey(@Context() { caller }: ApiContext): Promise<Organization> {
    await this.writes.waitForConfiguration(await this.commands.execute(new RotateEncryptionKey(caller)));
    return this.answer(caller);
  }

  private answer({ organizationId }: Pick<ApiContext['caller'], 'organizationId'>): Organization {
    const { id, name } = this.directory.requireOrganization(organizationId);
    return { id, name };
  }

  private eventType(name: string, { organizationId }: ApiContext['caller']): EventType {
    const eventType = this.directory.eventType(organizationId, name);
    if (!eventType) throw new Error(`The event type ${name} is recorded, but the directory does not have it yet.`);
    return { ...eventType, shared: this.directory.organizations.isShared(organizationId, name) };
  }
}
