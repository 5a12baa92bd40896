// Who is calling, over GraphQL: pages show what the caller may do, and what they then try is refused or allowed by the same table.
import { Context, Field, ID, ObjectType, Query, Resolver } from '@nestjs/graphql';
import { apiKeyRoles, type ApiKeyRole as Role } from '../../../domain/api-key.ts';
import { portalCapabilities, type PortalCapability as Capability } from '../../../domain/portal-capability.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { Allow, AllowPortal } from '../../auth/access.ts';
import type { ApiContext } from '../context.ts';
import { enumType } from '../enums.ts';
import { DateTime } from '../scalars.ts';
import { ApiKeyRole, Organization } from './organization.types.ts';

const kinds = ['API_KEY', 'PORTAL'] as const;
const CallerKind = enumType('CallerKind', kinds);
export const PortalCapability = enumType('PortalCapability', portalCapabilities, {
  description: "Viewing endpoints, messages' types and deliveries is always in.",
});

@ObjectType()
class Caller {
  @Field(() => CallerKind)
  readonly kind!: (typeof kinds)[number];
  @Field(() => String, { description: 'of the API key, or the subject of the portal session' })
  readonly name!: string;
  @Field(() => ApiKeyRole, { nullable: true, description: 'null of a portal session' })
  readonly role!: Role | null;
  @Field(() => [PortalCapability], { description: 'of an API key: those that its role amounts to' })
  readonly capabilities!: readonly Capability[];
  @Field(() => Boolean)
  readonly spansOrganizations!: boolean;
  @Field(() => [ID], { nullable: true, description: 'The only ones that the portal session sees; null: all of the organization.' })
  readonly endpointIds!: readonly string[] | null;
  @Field(() => Organization, { description: 'the one that the call acts for' })
  readonly organization!: Organization;
  @Field(() => DateTime, { nullable: true })
  readonly expiresAt!: string | null;
}

/** Viewing them all is part of each role that reads. */
const capabilitiesOf: Readonly<Record<Role, readonly Capability[]>> = {
  ADMIN: portalCapabilities,
  OPERATOR: ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'SEND_TESTS', 'RETRY'],
  AUDITOR: ['VIEW_PAYLOADS'],
  VIEWER: ['VIEW_PAYLOADS'],
  PUBLISHER: [],
};

@Resolver(() => Caller)
export class CallerResolver {
  constructor(private readonly directory: EndpointDirectory) {}

  @Query(() => Caller, { description: 'Who is calling, and what they may do.' })
  @Allow(...apiKeyRoles)
  @AllowPortal('VIEW', 'FILTERED')
  me(@Context() { caller }: ApiContext): Caller {
    const { kind, name, expiresAt = null, organizationId } = caller;
    const organization = this.directory.requireOrganization(organizationId);
    return {
      kind,
      name,
      role: kind === 'PORTAL' ? null : caller.role,
      capabilities: kind === 'PORTAL' ? caller.capabilities : capabilitiesOf[caller.role],
      spansOrganizations: kind === 'API_KEY' && caller.spansOrganizations,
      endpointIds: kind === 'PORTAL' && caller.endpointIds ? [...caller.endpointIds] : null,
      organization: { id: organization.id, name: organization.name },
      expiresAt,
    };
  }
}
