// Search over GraphQL: finds everything that a text may mean.
import { Args, Context, createUnionType, Int, Query, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import { asApiKeyId, asDeliveryId, asEndpointId, asMessageId } from '../../../domain/ids.ts';
import { defaultOrganization } from '../../../domain/organization.ts';
import { ApiKeyUses } from '../../../read-models/api-key-uses.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { OrganizationQueries } from '../../../read-models/queries/organization-queries.ts';
import { SearchQueries, type SearchHit as Found } from '../../../read-models/queries/search.ts';
import { AllowReaders } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import { maxFirst } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { Delivery, toDelivery } from '../deliveries/delivery.types.ts';
import { Endpoint, toEndpoint } from '../endpoints/endpoint.types.ts';
import { Message, toMessage } from '../messages/message.types.ts';
import { ApiKey, EventType, Organization } from '../organization/organization.types.ts';

type Named = { readonly __typename: string };

const SearchHit = createUnionType({
  name: 'SearchHit',
  types: () => [Message, Delivery, Endpoint, EventType, Organization, ApiKey] as const,
  resolveType: ({ __typename }: Named) => __typename,
});

/** The hit, with the name of its type, by which GraphQL tells the members of a union. */
const named = (__typename: string, hit: object): Named => Object.assign(hit, { __typename });

const searchText = z.string().trim().min(1, 'is empty; give an id, a name, or a part of one').max(256, 'must be at most 256 characters');
const hitCount = z.int().min(1, 'must be 1 or more').max(maxFirst, `must be at most ${maxFirst}`);
const usualHits = 20;

@Resolver()
export class SearchResolver {
  constructor(
    private readonly queries: SearchQueries,
    private readonly organizations: OrganizationQueries,
    private readonly directory: EndpointDirectory,
    private readonly uses: ApiKeyUses,
  ) {}

  @Query(() => [SearchHit], {
    description:
      "Finds by any id of ours, the publisher's own id, endpoint name or URL part, organization id or name, event type. Best first.",
  })
  @AllowReaders()
  async search(
    @Args('text') text: string,
    @Args('first', { type: () => Int, nullable: true, defaultValue: usualHits }) first: number | null,
    @Context() context: ApiContext,
  ): Promise<Named[]> {
    const wanted = validate(searchText, text, 'text');
    const most = validate(hitCount, first ?? usualHits, 'first');
    const { caller } = context;
    const isOfKey = caller.kind === 'API_KEY';
    // A key that spans the installation and names no organization looks in all of them.
    const spans = isOfKey && caller.spansOrganizations && caller.organizationId === defaultOrganization;
    const hits = await this.queries.search(wanted, most, {
      organization: caller.organizationId,
      others: spans ? this.directory.organizationIds() : undefined,
      apiKeys: isOfKey && caller.role === 'ADMIN',
    });
    const loaded = await Promise.all(hits.map((hit) => this.load(hit, context)));
    return loaded.filter((hit) => hit !== undefined);
  }

  /** Undefined: it went meanwhile. */
  private async load({ kind, organizationId, id }: Found, given: ApiContext): Promise<Named | undefined> {
    const context = organizationId === given.caller.organizationId ? given : given.actingFor?.(organizationId);
    if (!context) return undefined;
    const { loaders } = context;
    switch (kind) {
      case 'organization': {
        const { id: own, name } = this.directory.requireOrganization(organizationId);
        return named('Organization', { id: own, name });
      }
      case 'message': {
        const view = await loaders.message.load(asMessageId(id));
        return view && named('Message', toMessage(view));
      }
      case 'delivery': {
        const view = await loaders.delivery.load(asDeliveryId(id));
        return view && named('Delivery', toDelivery(view));
      }
      case 'endpoint': {
        const view = await loaders.endpoint.load(asEndpointId(id));
        return view && named('Endpoint', toEndpoint(view, context));
      }
      case 'event type': {
        const type = (await this.organizations.eventTypes(organizationId)).find(({ name }) => name === id);
        return type && named('EventType', type);
      }
      case 'api key':
        return this.apiKey(id, context);
    }
  }

  private async apiKey(id: string, { caller: { organizationId } }: ApiContext): Promise<Named | undefined> {
    const key = await this.organizations.apiKey(organizationId, asApiKeyId(id));
    if (!key) return undefined;
    const { issuedAt, issuedBy, ...rest } = key;
    const lastUses = await this.uses.lastUses([key.id]);
    const { name } = this.directory.requireOrganization(organizationId);
    const shown = { createdAt: issuedAt, createdBy: issuedBy, lastUsedAt: lastUses.get(key.id) ?? null };
    return named('ApiKey', { ...rest, ...shown, organization: { id: organizationId, name } });
  }
}
