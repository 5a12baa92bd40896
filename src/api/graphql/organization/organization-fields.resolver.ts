// The fields of an organization that the views answer, wherever it is shown; and the organization that something belongs to.
import { Injectable } from '@nestjs/common';
import { Context, Int, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { notFound } from '../../../domain/errors.ts';
import type { OrganizationId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { OrganizationRefusals } from '../../../read-models/organization-refusals.ts';
import type { OrganizationView } from '../../../read-models/queries/organization-list.ts';
import type { ApiContext } from '../context.ts';
import { Delivery } from '../deliveries/delivery.types.ts';
import { Endpoint } from '../endpoints/endpoint.types.ts';
import { Message } from '../messages/message.types.ts';
import { DateTime, JsonScalar } from '../scalars.ts';
import { Organization } from './organization.types.ts';
import { OrganizationLimits, OrganizationStatus, OrganizationUsage } from './organizations.types.ts';

const limitsOf = ({ limits }: OrganizationView): OrganizationLimits => ({
  messagesPerSecond: limits.messagesPerSecond ?? null,
  endpoints: limits.endpoints ?? null,
  waitingDeliveries: limits.waitingDeliveries ?? null,
  payloadBytes: limits.payloadBytes ?? null,
  portalSessionsPerHour: limits.portalSessionsPerHour ?? null,
  payloadDays: limits.payloadDays ?? null,
  messageDays: limits.messageDays ?? null,
});

@Resolver(() => Organization)
export class OrganizationFieldsResolver {
  constructor(
    private readonly directory: EndpointDirectory,
    private readonly refusals: OrganizationRefusals,
  ) {}

  @ResolveField(() => OrganizationStatus)
  async status(@Parent() { id }: Organization, @Context() context: ApiContext): Promise<OrganizationView['status']> {
    return (await shown(id, context)).status;
  }

  @ResolveField(() => String, { nullable: true })
  async suspendedReason(@Parent() { id }: Organization, @Context() context: ApiContext): Promise<string | null> {
    return (await shown(id, context)).suspendedReason;
  }

  @ResolveField(() => JsonScalar)
  async metadata(@Parent() { id }: Organization, @Context() context: ApiContext): Promise<Json> {
    return (await shown(id, context)).metadata;
  }

  @ResolveField(() => OrganizationLimits)
  async limits(@Parent() { id }: Organization, @Context() context: ApiContext): Promise<OrganizationLimits> {
    return limitsOf(await shown(id, context));
  }

  @ResolveField(() => OrganizationUsage)
  async usage(@Parent() { id }: Organization, @Context() { loaders }: ApiContext): Promise<OrganizationUsage> {
    const [{ messagesLastDay, waitingDeliveries }, refused] = await Promise.all([
      loaders.organizationUse.load(id),
      this.refusals.lastDay([id]),
    ]);
    return {
      messagesLastDay,
      refusedLastDay: refused.get(id) ?? 0,
      waitingDeliveries,
      endpoints: this.directory.organizations.endpointCount(id),
    };
  }

  @ResolveField(() => Int)
  endpointCount(@Parent() { id }: Organization): number {
    return this.directory.organizations.endpointCount(id);
  }

  @ResolveField(() => DateTime)
  async createdAt(@Parent() { id }: Organization, @Context() context: ApiContext): Promise<string> {
    return (await shown(id, context)).createdAt;
  }
}

const shown = async (id: OrganizationId, { loaders }: ApiContext): Promise<OrganizationView> => {
  const found = await loaders.organization.load(id);
  if (!found) throw notFound('There is no such organization.'); // it was deleted meanwhile
  return found;
};

type Owned = { readonly organizationId: OrganizationId };

@Injectable()
class OwnerResolver {
  constructor(private readonly directory: EndpointDirectory) {}

  protected owner({ organizationId }: Owned): Organization {
    const { id, name } = this.directory.requireOrganization(organizationId);
    return { id, name };
  }
}

@Resolver(() => Endpoint)
export class EndpointOwnerResolver extends OwnerResolver {
  @ResolveField(() => Organization)
  organization(@Parent() endpoint: Owned): Organization {
    return this.owner(endpoint);
  }
}

@Resolver(() => Message)
export class MessageOwnerResolver extends OwnerResolver {
  @ResolveField(() => Organization)
  organization(@Parent() { view }: Message): Organization {
    return this.owner(view);
  }
}

@Resolver(() => Delivery)
export class DeliveryOwnerResolver extends OwnerResolver {
  @ResolveField(() => Organization)
  organization(@Parent() { view }: Delivery): Organization {
    return this.owner(view);
  }
}
