// API keys over GraphQL: listed, issued, revoked.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import { IssueApiKey, RevokeApiKey } from '../../../commands/organization-commands.ts';
import type { ApiKeyRole as Role } from '../../../domain/api-key.ts';
import type { ApiKeyId } from '../../../domain/ids.ts';
import { nameProblem } from '../../../domain/names.ts';
import { ApiKeyUses } from '../../../read-models/api-key-uses.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { OrganizationQueries } from '../../../read-models/queries/organization-queries.ts';
import { Allow } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { PageArgs, parsePageArgs, toConnection } from '../connections.ts';
import type { CountedConnection } from '../counts.ts';
import type { ApiContext } from '../context.ts';
import { DateTime, toDate } from '../scalars.ts';
import { ApiKey, ApiKeyConnection, ApiKeyRole, IssuedApiKey } from './organization.types.ts';

const keyName = z
  .string()
  .trim()
  .max(128, 'must be at most 128 characters')
  .superRefine((name, context) => {
    const problem = nameProblem(name);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

const laterMoment = z
  .date()
  .refine(
    (moment) => moment.getTime() > Date.now(),
    'has passed already; give a later moment, or leave it out for a key that does not expire',
  );

@Resolver(() => ApiKey)
export class ApiKeyResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: OrganizationQueries,
    private readonly uses: ApiKeyUses,
    private readonly directory: EndpointDirectory,
    private readonly writes: ReadYourWrites,
  ) {}

  @Query(() => ApiKeyConnection, { description: 'Newest first.' })
  @Allow('ADMIN')
  async apiKeys(
    @Args() page: PageArgs,
    @Args('includeRevoked', { type: () => Boolean, nullable: true, defaultValue: false }) includeRevoked: boolean | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<CountedConnection<ApiKey>> {
    const { id, name } = this.directory.requireOrganization(caller.organizationId);
    const keys = { includeRevoked: includeRevoked ?? false, spanning: caller.spansOrganizations ?? false };
    const found = await this.queries.apiKeys(id, parsePageArgs(page), keys);
    const lastUses = await this.uses.lastUses(found.edges.map(({ node }) => node.id));
    const connection = await toConnection(found, ({ issuedAt, issuedBy, ...key }) => ({
      ...key,
      createdAt: issuedAt,
      createdBy: issuedBy,
      lastUsedAt: lastUses.get(key.id) ?? null,
      organization: { id, name },
    }));
    return { ...connection, countUpTo: (max) => this.queries.countApiKeys(id, keys, max) };
  }

  @Mutation(() => IssuedApiKey)
  @Allow('ADMIN')
  async issueApiKey(
    @Args('name') name: string,
    @Args('role', { type: () => ApiKeyRole }) role: Role,
    @Args('spansOrganizations', { type: () => Boolean, nullable: true, defaultValue: false }) spans: boolean | null | undefined,
    @Args('expiresAt', { type: () => DateTime, nullable: true }) expiresAt: string | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<IssuedApiKey> {
    const validName = validate(keyName, name, 'name');
    const end = validate(laterMoment.optional(), toDate(expiresAt), 'expiresAt')?.toISOString();
    const spansOrganizations = spans ?? false;
    const issue = new IssueApiKey(caller, validName, role, { spansOrganizations, expiresAt: end });
    const { id, key } = await this.writes.waitForConfiguration(await this.commands.execute(issue));
    return { id, name: validName, role, key, spansOrganizations, expiresAt: end ?? null };
  }

  @Mutation(() => ID)
  @Allow('ADMIN')
  async revokeApiKey(@Args('id', { type: () => ID }) id: ApiKeyId, @Context() { caller }: ApiContext): Promise<string> {
    await this.writes.waitForConfiguration(await this.commands.execute(new RevokeApiKey(caller, id)));
    return id;
  }
}
