// Organizations over GraphQL, for keys that span the installation: listed, made, changed, suspended, resumed and deleted.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { ChangeOrganization, CreateOrganization } from '../../../commands/organization-lifecycle.ts';
import type { OrganizationId } from '../../../domain/ids.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { OrganizationList, type OrganizationFilter as Filter } from '../../../read-models/queries/organization-list.ts';
import { Allow, AllowReaders } from '../../auth/access.ts';
import type { AuthenticatedCaller } from '../../auth/authentication.ts';
import { prefixIssuePaths, validate } from '../../input-validation.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { Refusal } from '../../refusal.ts';
import { PageArgs, parsePageArgs, toConnection } from '../connections.ts';
import type { CountedConnection } from '../counts.ts';
import type { ApiContext } from '../context.ts';
import { organizationInput, organizationPatch, suspensionReason } from './organization-input.ts';
import { Organization } from './organization.types.ts';
import { OrganizationConnection, OrganizationFilter, OrganizationInput, OrganizationPatch } from './organizations.types.ts';

type Change = ChangeOrganization['change'];

@Resolver()
export class OrganizationsResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly list: OrganizationList,
    private readonly directory: EndpointDirectory,
    private readonly writes: ReadYourWrites,
  ) {}

  @Query(() => OrganizationConnection, { description: 'Keys that span the installation.' })
  @AllowReaders()
  async organizations(
    @Args() page: PageArgs,
    @Args('filter', { type: () => OrganizationFilter, nullable: true }) filter: Filter | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<CountedConnection<Organization>> {
    requireSpanning(caller);
    const found = await this.list.page(parsePageArgs(page), filter ?? {});
    const connection = await toConnection(found, ({ id, name }): Organization => ({ id, name }));
    return { ...connection, countUpTo: (max) => this.list.count(filter ?? {}, max) };
  }

  @Mutation(() => Organization, {
    description: 'With an id of your own; the same again answers the same organization, other content is CONFLICT.',
  })
  @Allow('ADMIN')
  async createOrganization(@Args('input') input: OrganizationInput, @Context() { caller }: ApiContext): Promise<Organization> {
    requireSpanning(caller);
    const { id, settings } = validate(organizationInput, input, 'input');
    const result = await prefixIssuePaths('input', this.commands.execute(new CreateOrganization(caller, id, settings)));
    await this.writes.waitForConfiguration(result);
    return this.answer(result.id);
  }

  @Mutation(() => Organization)
  @Allow('ADMIN')
  updateOrganization(
    @Args('id', { type: () => ID }) id: OrganizationId,
    @Args('input') input: OrganizationPatch,
    @Context() { caller }: ApiContext,
  ): Promise<Organization> {
    return this.change(caller, id, { type: 'ChangeOrganization', settings: validate(organizationPatch, input, 'input') });
  }

  @Mutation(() => Organization, { description: 'Publishing is refused with the reason, deliveries are held, reading goes on.' })
  @Allow('ADMIN')
  suspendOrganization(
    @Args('id', { type: () => ID }) id: OrganizationId,
    @Args('reason', { type: () => String, nullable: true }) given: string | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Organization> {
    const reason = validate(suspensionReason.nullish(), given, 'reason') ?? null;
    return this.change(caller, id, { type: 'SuspendOrganization', id, reason });
  }

  @Mutation(() => Organization)
  @Allow('ADMIN')
  resumeOrganization(@Args('id', { type: () => ID }) id: OrganizationId, @Context() { caller }: ApiContext): Promise<Organization> {
    return this.change(caller, id, { type: 'ResumeOrganization' });
  }

  @Mutation(() => ID, { description: 'For good. `confirmName` is its name.' })
  @Allow('ADMIN')
  async deleteOrganization(
    @Args('id', { type: () => ID }) id: OrganizationId,
    @Args('confirmName') confirmName: string,
    @Context() { caller }: ApiContext,
  ): Promise<string> {
    await this.execute(caller, id, { type: 'DeleteOrganization', id, confirmName });
    return id;
  }

  private async change(caller: AuthenticatedCaller, id: OrganizationId, change: Change): Promise<Organization> {
    await this.execute(caller, id, change);
    return this.answer(id);
  }

  private async execute(caller: AuthenticatedCaller, id: OrganizationId, change: Change): Promise<void> {
    requireSpanning(caller);
    this.directory.requireOrganization(id);
    await this.writes.waitForConfiguration(await this.commands.execute(new ChangeOrganization(caller, id, change)));
  }

  private answer(id: OrganizationId): Organization {
    const { name } = this.directory.requireOrganization(id);
    return { id, name };
  }
}

/** @throws Refusal FORBIDDEN */
const requireSpanning = ({ spansOrganizations }: AuthenticatedCaller): void => {
  if (!spansOrganizations)
    throw new Refusal('FORBIDDEN', 'This needs an API key that spans the installation; yours belongs to one organization.');
};
