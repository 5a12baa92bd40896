// What every resolver of one operation shares: who asks, what decrypts for that organization, and the loaders.
import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { OrganizationId } from '../../domain/ids.ts';
import { hopsHeader } from '../../domain/message.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { DeliveryQueries } from '../../read-models/queries/delivery-queries.ts';
import { EndpointQueries } from '../../read-models/queries/endpoint-queries.ts';
import { OrganizationList } from '../../read-models/queries/organization-list.ts';
import { MessageQueries } from '../../read-models/queries/message-queries.ts';
import { BulkRetryQueries } from '../../read-models/queries/bulk-retry-queries.ts';
import { ReplayQueries } from '../../read-models/queries/replay-queries.ts';
import { ReadBudget } from '../../read-models/engine/read-budget.ts';
import type { Keyring } from '../../secrets/vault.ts';
import { organizationHeader } from '../auth/acting-organization.ts';
import { Authentication, type ApiKeyCaller, type AuthenticatedCaller } from '../auth/authentication.ts';
import { StreamQueries } from './history/stream-queries.ts';
import { Loaders } from './loaders.ts';

export type ApiContext = {
  readonly caller: AuthenticatedCaller;
  readonly keyring: Keyring;
  /** Messages of these types, and their deliveries, are hidden from the caller. */
  readonly hiddenTypes: ReadonlySet<string>;
  /** Of a subscription: those of the result that is being answered. */
  loaders: Loaders;
  /** The same call for another organization; only of keys that span the installation. */
  readonly actingFor?: (organization: OrganizationId) => ApiContext;
  /** Of the request, as it came. */
  readonly hopsHeader: string | readonly string[] | undefined;
  /** What the operation, or one result of a subscription, may read. */
  readonly budget: ReadBudget;
  /** Nest looks for it, and makes one of its own where it is missing. */
  readonly req: object;
};

const noTypes: ReadonlySet<string> = new Set();

/** The one place where a GraphQL operation is given its context; without a valid key there is none. */
@Injectable()
export class ApiContexts {
  constructor(
    private readonly authentication: Authentication,
    private readonly directory: EndpointDirectory,

    private readonly streams: StreamQueries,
    private readonly endpoints: EndpointQueries,
    private readonly messages: MessageQueries,
    private readonly deliveries: DeliveryQueries,
    private readonly replays: ReplayQueries,
    private readonly bulkRetries: BulkRetryQueries,
    private readonly organizationList: OrganizationList,
  ) {}

  /** @throws Refusal UNAUTHENTICATED */
  create(headers: IncomingHttpHeaders, correlationId: string): ApiContext {
    return this.of(this.authentication.authenticate(headers.authorization, correlationId, headers[organizationHeader]), headers);
  }

  of(caller: AuthenticatedCaller, headers: IncomingHttpHeaders): ApiContext {
    const { organizationId } = caller;
    const organization = this.directory.organization(organizationId) ?? this.directory.requireOrganization(organizationId);
    const loaders = this.loadersOf(organizationId);
    const context: ApiContext = {
      caller,
      keyring: organization.keyring,
      hiddenTypes: caller.kind === 'PORTAL' ? this.directory.internalTypes(organizationId) : noTypes,
      loaders,
      budget: new ReadBudget(organizationId),
      hopsHeader: headers[hopsHeader],
      req: {},
    };
    return caller.kind === 'API_KEY' && caller.spansOrganizations ? this.spanning(context, caller) : context;
  }

  /** Each organization's context is made once: its loaders then load many rows at once. */
  private spanning(context: ApiContext, caller: ApiKeyCaller): ApiContext {
    const made = new Map<OrganizationId, ApiContext>();
    const actingFor = (id: OrganizationId): ApiContext => {
      let other = made.get(id);
      if (!other) {
        const { keyring } = this.directory.requireOrganization(id);
        other = { ...context, actingFor, caller: { ...caller, organizationId: id }, keyring, loaders: this.loadersOf(id) };
        made.set(id, other);
      }
      return other;
    };
    const own = { ...context, actingFor };
    made.set(caller.organizationId, own);
    return own;
  }

  loadersOf(organizationId: OrganizationId): Loaders {
    const { endpoints, messages, deliveries, replays, bulkRetries, organizationList, streams } = this;
    return new Loaders({ endpoints, messages, deliveries, replays, bulkRetries, organizationList }, streams, organizationId);
  }
}
