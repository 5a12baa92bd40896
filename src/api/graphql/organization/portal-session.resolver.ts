// Portal sessions over GraphQL: opening one, and ending all of an organization.
import { Inject } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Field, ID, InputType, Int, Mutation, ObjectType, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import { EndPortalSessions, OpenPortalSession } from '../../../commands/portal-commands.ts';
import { badInput } from '../../../domain/errors.ts';
import { endpointId, type EndpointId, type OrganizationId } from '../../../domain/ids.ts';
import { nameProblem } from '../../../domain/names.ts';
import { portalCapabilities, type PortalCapability as Capability } from '../../../domain/portal-capability.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { Allow } from '../../auth/access.ts';
import { isCarriable, PortalTokens } from '../../auth/portal-token.ts';
import { validate } from '../../input-validation.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { PUBLIC_URL, type PublicUrl } from '../../tokens.ts';
import type { ApiContext } from '../context.ts';
import { DateTime } from '../scalars.ts';
import { PortalCapability } from './caller.resolver.ts';

const defaultSeconds = 3_600;

@InputType()
class PortalSessionInput {
  @Field(() => String, { description: 'Who looks: stands in the log as `portal:<subject>`.' })
  subject!: string;
  @Field(() => Int, { nullable: true, defaultValue: defaultSeconds, description: '60 to 86400' })
  ttlSeconds?: number | null;
  @Field(() => [PortalCapability], { nullable: true, defaultValue: [...portalCapabilities] })
  capabilities?: Capability[] | null;
  @Field(() => [ID], { nullable: true, description: 'Only these; null: all of the organization, those made later too.' })
  endpointIds?: string[] | null;
}

@ObjectType()
class PortalSession {
  @Field(() => String, { description: 'Shown this once. It goes as `Authorization: Bearer <token>`.' })
  readonly token!: string;
  @Field(() => String, { description: 'of the portal, with the token behind the #, so that no server on the way sees it' })
  readonly url!: string;
  @Field(() => DateTime)
  readonly expiresAt!: string;
}

const sessionInput = z.object({
  subject: z
    .string()
    .trim()
    .max(128, 'must be at most 128 characters')
    .superRefine((subject, context) => {
      const problem = nameProblem(subject);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    }),
  ttlSeconds: z.int().min(60, 'must be at least 60').max(86_400, 'must be at most 86400').nullish(),
  capabilities: z.array(z.enum(portalCapabilities)).nullish(),
  endpointIds: z
    .array(endpointId)
    .min(1, 'names no endpoint; leave it out for all of the organization')
    .max(100, 'may name at most 100 endpoints')
    .nullish(),
});

@Resolver()
export class PortalSessionResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly directory: EndpointDirectory,
    private readonly writes: ReadYourWrites,
    private readonly tokens: PortalTokens,
    @Inject(PUBLIC_URL) private readonly publicUrl: PublicUrl,
  ) {}

  @Mutation(() => PortalSession, { description: 'Of the organization that the call acts for.' })
  @Allow('ADMIN')
  async createPortalSession(@Args('input') input: PortalSessionInput, @Context() { caller }: ApiContext): Promise<PortalSession> {
    const { organizationId } = caller;
    const { subject, ttlSeconds, capabilities: given, endpointIds: named } = validate(sessionInput, input, 'input');
    const capabilities = portalCapabilities.filter((each) => (given ?? portalCapabilities).includes(each));
    const endpointIds = named ? Array.from(new Set(named)) : undefined;
    this.checkEndpoints(organizationId, endpointIds ?? []);
    const ends = (Math.floor(Date.now() / 1000) + (ttlSeconds ?? defaultSeconds)) * 1000;
    const expiresAt = new Date(ends).toISOString();
    const session = { subject, capabilities, ...(endpointIds && { endpointIds }), expiresAt };
    const { counter } = await this.commands.execute(new OpenPortalSession(caller, session));
    const token = this.tokens.issue({ organizationId, subject, capabilities, endpointIds, expiresAt: ends, counter });
    return { token, url: `${this.publicUrl()}/portal#${token}`, expiresAt };
  }

  @Mutation(() => Boolean, { description: 'Ends all that were opened until now.' })
  @Allow('ADMIN')
  async endPortalSessions(@Context() { caller }: ApiContext): Promise<boolean> {
    await this.writes.waitForConfiguration(await this.commands.execute(new EndPortalSessions(caller)));
    return true;
  }

  /** @throws DomainError BAD_USER_INPUT */
  private checkEndpoints(organizationId: OrganizationId, ids: readonly EndpointId[]): void {
    for (const [i, id] of ids.entries())
      if (!isCarriable(id) || this.directory.endpoint(id)?.configuration.organizationId !== organizationId)
        throw badInput(`input.endpointIds.${i}`, `There is no endpoint "${id}"; \`endpoints\` lists the ones that exist.`);
  }
}
