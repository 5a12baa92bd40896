// Lists of endpoints over GraphQL, and the list of an endpoint's deliveries.
import { Args, Context, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import type { HealthState as Health } from '../../../domain/circuit.ts';
import type { EndpointStatus as Status } from '../../../domain/endpoint.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import type { EndpointOrder as Order } from '../../../read-models/queries/endpoint-pages.ts';
import { EndpointQueries } from '../../../read-models/queries/endpoint-queries.ts';
import { AllowPortal, AllowReaders } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import { PageArgs, parsePageArgs, toConnection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import type { CountedConnection } from '../counts.ts';
import { Delivery, DeliveryConnection, deliveryConnection, DeliveryFilter, parseDeliveryFilter } from '../deliveries/delivery.types.ts';
import { eventTypeName } from '../organization/event-type-input.ts';
import { visibleEndpoints } from '../visibility.ts';
import { HealthState } from './endpoint-health.resolver.ts';
import { Endpoint, EndpointConnection, EndpointOrder, EndpointStatus, toEndpoint } from './endpoint.types.ts';

const searchText = z.string().max(256, 'must be at most 256 characters').nullish();

@Resolver(() => Endpoint)
export class EndpointListResolver {
  constructor(
    private readonly endpointQueries: EndpointQueries,
    private readonly deliveryQueries: DeliveryQueries,
    private readonly directory: EndpointDirectory,
  ) {}

  @Query(() => EndpointConnection, {
    description: '`search`: part of the name or URL, any case. `eventType`: those that would get such a message.',
  })
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  async endpoints(
    @Args() page: PageArgs,
    @Args('status', { type: () => EndpointStatus, nullable: true }) status: Status | null | undefined,
    @Args('search', { type: () => String, nullable: true }) search: string | null | undefined,
    @Args('eventType', { type: () => String, nullable: true }) eventType: string | null | undefined,
    @Args('health', { type: () => HealthState, nullable: true }) health: Health | null | undefined,
    @Args('orderBy', { type: () => EndpointOrder, nullable: true, defaultValue: EndpointOrder.NEWEST }) orderBy: Order | null,
    @Context() context: ApiContext,
  ): Promise<CountedConnection<Endpoint>> {
    const { organizationId } = context.caller;
    const type = validate(eventTypeName.nullish(), eventType, 'eventType') ?? undefined;
    const filter = {
      ids: visibleEndpoints(context.caller),
      status,
      health,
      search: validate(searchText, search, 'search')?.trim(),
      eventType: type === undefined ? undefined : { type, ...this.directory.kindOf(organizationId, type) },
    };
    const views = await this.endpointQueries.page(organizationId, parsePageArgs(page), filter, orderBy ?? 'NEWEST');
    return {
      ...(await toConnection(views, (view) => toEndpoint(view, context))),
      countUpTo: (max) => this.endpointQueries.count(organizationId, filter, max),
    };
  }

  @ResolveField(() => DeliveryConnection)
  async deliveries(
    @Parent() { id }: Endpoint,
    @Args() page: PageArgs,
    @Args('filter', { type: () => DeliveryFilter, nullable: true }) filter: DeliveryFilter | null | undefined,
    @Context() { caller, hiddenTypes }: ApiContext,
  ): Promise<CountedConnection<Delivery>> {
    const { endpointId, ...rest } = parseDeliveryFilter(filter);
    const ofOther = endpointId !== null && endpointId !== undefined && endpointId !== id;
    const exceptTypes = Array.from(hiddenTypes);
    const filterOfEndpoint = { ...rest, exceptTypes, endpointId: id, ...(ofOther && { endpointIds: [] }) };
    return deliveryConnection(this.deliveryQueries, caller.organizationId, page, filterOfEndpoint);
  }
}
