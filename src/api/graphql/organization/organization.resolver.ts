// The organization over GraphQL: its signing key, its event types and API keys.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import { DefineEventType, IssueApiKey, ResetSigningKey, RetireEventType, RevokeApiKey } from '../../../commands/organization-commands.ts';
import type { ApiKeyRole as Role } from '../../../domain/api-key.ts';
import { notFound } from '../../../domain/errors.ts';
import type { ApiKeyId } from '../../../domain/ids.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { OrganizationQueries } from '../../../read-models/queries/organization-queries.ts';
import { Allow, AllowReaders } from '../../auth/access.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { Refusal, validate } from '../../refusal.ts';
import type { ApiContext } from '../context.ts';
import { ApiKeyRole } from '../enums.ts';
import { EventType, EventTypeInput, IssuedApiKey, Organization } from './organization.types.ts';

const dottedName = z
  .string()
  .max(128, 'must be at most 128 characters')
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, { error: 'must be words of A-Z, a-z, 0-9, _ and -, separated by dots' });

const sampleSize = 256 * 1024;
const eventTypeInput = z.object({
  name: dottedName,
  group: dottedName.nullish(),
  description: z.string().max(1024, 'must be at most 1024 characters').nullish(),
  sample: z
    .custom<EventTypeInput['sample']>()
    .refine((sample) => Buffer.byteLength(JSON.stringify(sample ?? null)) <= sampleSize, `must be at most ${sampleSize} bytes of JSON`)
    .optional(),
});

const keyName = z
  .string()
  .min(1, 'is empty; give a name that tells who uses the key')
  .max(128, 'must be at most 128 characters')
  .refine((name) => name.isWellFormed() && !/\p{Cc}/u.test(name), 'holds a control character; leave it out');

const signingKey = z
  .string()
  .min(1, 'is empty; leave it out, and a key is made')
  .max(1024, 'must be at most 1024 characters')
  .refine((key) => key.isWellFormed() && !/\p{Cc}/u.test(key), 'holds a control character or half a character; give a printable text');

@Resolver(() => Organization)
export class OrganizationResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly organizationQueries: OrganizationQueries,
    private readonly directory: EndpointDirectory,
    private readonly writes: ReadYourWrites,
  ) {}

  @Query(() => Organization)
  @AllowReaders()
  organization(@Context() { caller }: ApiContext): Organization {
    return this.shown(caller);
  }

  @Query(() => [EventType])
  @AllowReaders()
  eventTypes(@Context() { caller }: ApiContext): Promise<EventType[]> {
    return this.organizationQueries.eventTypes(caller.organizationId);
  }

  @Mutation(() => EventType)
  @Allow('ADMIN')
  async defineEventType(@Args('input') input: EventTypeInput, @Context() { caller }: ApiContext): Promise<EventType> {
    const { name, group, description, sample } = validate(eventTypeInput, input, 'input');
    const eventType = { name, group: group ?? undefined, description: description ?? null, sample: sample ?? null };
    await this.writes.inForce(await this.commands.execute(new DefineEventType(caller, eventType)));
    return this.eventType(name, caller);
  }

  @Mutation(() => EventType)
  @Allow('ADMIN')
  async retireEventType(@Args('name') name: string, @Context() { caller }: ApiContext): Promise<EventType> {
    await this.writes.inForce(await this.commands.execute(new RetireEventType(caller, name)));
    return this.eventType(name, caller);
  }

  @Mutation(() => Organization)
  @Allow('ADMIN')
  async resetSigningKey(
    @Args('key', { type: () => String, nullable: true }) key: string | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Organization> {
    const given = validate(signingKey.nullish(), key, 'key') ?? undefined;
    await this.writes.inForce(await this.commands.execute(new ResetSigningKey(caller, given)));
    return this.shown(caller);
  }

  @ResolveField(() => String, { description: 'Admins only.' })
  signingKey(@Context() { caller }: ApiContext): string {
    if (caller.role !== 'ADMIN')
      throw new Refusal('FORBIDDEN', `The signing key is shown to an API key with the role ADMIN; yours has the role ${caller.role}.`);
    const known = this.known(caller).signingKey;
    if (known === null) throw new Error(`The organization ${caller.organizationId} has no signing key, though every start gives it one.`);
    return known;
  }

  @Mutation(() => IssuedApiKey)
  @Allow('ADMIN')
  async issueApiKey(
    @Args('name') name: string,
    @Args('role', { type: () => ApiKeyRole }) role: Role,
    @Context() { caller }: ApiContext,
  ): Promise<IssuedApiKey> {
    const named = validate(keyName, name, 'name');
    const { id, key } = await this.writes.inForce(await this.commands.execute(new IssueApiKey(caller, named, role)));
    return { id, name: named, role, key };
  }

  @Mutation(() => ID)
  @Allow('ADMIN')
  async revokeApiKey(@Args('id', { type: () => ID }) id: ApiKeyId, @Context() { caller }: ApiContext): Promise<string> {
    await this.writes.inForce(await this.commands.execute(new RevokeApiKey(caller, id)));
    return id;
  }

  private shown(caller: ApiContext['caller']): Organization {
    const { id, name } = this.known(caller);
    return { id, name };
  }

  private known({ organizationId }: ApiContext['caller']) {
    const organization = this.directory.organization(organizationId);
    if (!organization) throw notFound('There is no such organization.');
    return organization;
  }

  private eventType(name: string, { organizationId }: ApiContext['caller']): EventType {
    const known = this.directory.eventType(organizationId, name);
    if (!known) throw new Error(`The event type ${name} is recorded, but the directory does not show it yet.`);
    return known;
  }
}
