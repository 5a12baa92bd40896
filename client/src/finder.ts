// Finds messages, deliveries and whatever a text may stand for, over Hookledger's GraphQL API. Reads only.
import { GraphQL, type GraphQLOptions } from './graphql.ts';

/** `key` has a role that may read: ADMIN, OPERATOR, VIEWER or AUDITOR. `organization`: to look in; without it, `search` looks in all of them. */
export type FinderOptions = GraphQLOptions;

/** All that is given must hold. Times are ISO 8601. */
export type MessageFilter = {
  readonly clientId?: string;
  readonly eventTypes?: readonly string[];
  readonly orderingKey?: string;
  /** A pattern over the content, as the filter of an endpoint is one. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly since?: string;
  readonly until?: string;
  /** Those that went to no endpoint. */
  readonly unrouted?: boolean;
};

export type DeliveryStatus = 'PENDING' | 'RETRYING' | 'HELD' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
export type FailureReason = 'HTTP_STATUS' | 'REDIRECT' | 'TIMEOUT' | 'DNS' | 'CONNECTION' | 'TLS' | 'BLOCKED_ADDRESS' | 'FORMAT';

/** All that is given must hold. Response code and failure are those of the last attempt. Times are ISO 8601. */
export type DeliveryFilter = {
  readonly endpointIds?: readonly string[];
  readonly messageId?: string;
  readonly clientId?: string;
  readonly status?: readonly DeliveryStatus[];
  readonly eventTypes?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly responseCodeFrom?: number;
  /** The highest that matches. */
  readonly responseCodeUntil?: number;
  readonly failure?: readonly FailureReason[];
  readonly test?: boolean;
};

export type FoundMessage = {
  readonly id: string;
  readonly clientId: string | null;
  readonly eventType: string;
  readonly acceptedAt: string;
};
export type FoundDelivery = {
  readonly id: string;
  readonly status: DeliveryStatus;
  readonly attemptCount: number;
  readonly lastResponseCode: number | null;
  readonly lastFailure: FailureReason | null;
  readonly createdAt: string;
};
/** `id`: of an event type, its name. */
export type FoundThing = {
  readonly type: 'Message' | 'Delivery' | 'Endpoint' | 'EventType' | 'Organization' | 'ApiKey';
  readonly id: string;
  readonly name: string | null;
  readonly organizationId: string | null;
};

export type PageOptions = { readonly first?: number; readonly after?: string | null };
export type FoundPage<T> = { readonly nodes: readonly T[]; readonly hasNextPage: boolean; readonly endCursor: string | null };
/** `searchedUntil`: how far back a search by content looked; its cursor goes on from there, also where it found nothing. Null: all was searched. */
export type MessagePage = FoundPage<FoundMessage> & { readonly searchedUntil: string | null };
/** `exact`: that was all. */
export type FoundCount = { readonly value: number; readonly exact: boolean };

const pageInfo = 'pageInfo { hasNextPage endCursor }';
const questions = {
  search: `query ($text: String!, $first: Int) { search(text: $text, first: $first) { type: __typename
    ... on Message { id messageName: clientId organization { id } } ... on Delivery { id organization { id } }
    ... on Endpoint { id endpointName: name organization { id } } ... on EventType { typeName: name }
    ... on Organization { id organizationName: name } ... on ApiKey { id keyName: name organization { id } } } }`,
  messages: `query ($filter: MessageFilter, $first: Int, $after: String) { messages(filter: $filter, first: $first, after: $after) {
    nodes { id clientId eventType acceptedAt } searchedUntil ${pageInfo} } }`,
  deliveries: `query ($filter: DeliveryFilter, $first: Int, $after: String) { deliveries(filter: $filter, first: $first, after: $after) {
    nodes { id status attemptCount lastResponseCode lastFailure createdAt } ${pageInfo} } }`,
  countMessages: 'query ($filter: MessageFilter, $max: Int) { messages(filter: $filter, first: 1) { count(max: $max) { value exact } } }',
  countDeliveries:
    'query ($filter: DeliveryFilter, $max: Int) { deliveries(filter: $filter, first: 1) { count(max: $max) { value exact } } }',
};

type PageAnswer<T> = {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
};
type Hit = {
  readonly type: FoundThing['type'];
  readonly id?: string;
  readonly organization?: { readonly id: string };
  readonly messageName?: string | null;
  readonly endpointName?: string;
  readonly typeName?: string;
  readonly organizationName?: string;
  readonly keyName?: string;
};

export class Finder {
  readonly #graphql: GraphQL;

  /** @throws TypeError when `url` is not a URL. */
  constructor(options: FinderOptions) {
    this.#graphql = new GraphQL(options);
  }

  /** By any id, its beginning, the publisher's own id, part of an endpoint's name or URL, an event type. Best first. @throws as all of these methods: RefusedError, UnreachableError */
  async search(text: string, first = 20): Promise<FoundThing[]> {
    const { search } = await this.#graphql.ask<{ search: Hit[] }>(questions.search, { text, first });
    return search.map((hit) => ({
      type: hit.type,
      id: hit.id ?? hit.typeName ?? '',
      name: hit.messageName ?? hit.endpointName ?? hit.typeName ?? hit.organizationName ?? hit.keyName ?? null,
      organizationId: hit.organization?.id ?? null,
    }));
  }

  /** Newest first. */
  async messages(filter: MessageFilter = {}, page: PageOptions = {}): Promise<MessagePage> {
    const { messages } = await this.#graphql.ask<{ messages: PageAnswer<FoundMessage> & { searchedUntil: string | null } }>(
      questions.messages,
      {
        filter,
        ...page,
      },
    );
    return { nodes: messages.nodes, ...messages.pageInfo, searchedUntil: messages.searchedUntil };
  }

  /** Newest first. */
  async deliveries(filter: DeliveryFilter = {}, page: PageOptions = {}): Promise<FoundPage<FoundDelivery>> {
    const { deliveries } = await this.#graphql.ask<{ deliveries: PageAnswer<FoundDelivery> }>(questions.deliveries, { filter, ...page });
    return { nodes: deliveries.nodes, ...deliveries.pageInfo };
  }

  /** Up to `max`, or as far as one count goes. */
  async countMessages(filter: MessageFilter = {}, max = 10_000): Promise<FoundCount> {
    return (await this.#graphql.ask<{ messages: { count: FoundCount } }>(questions.countMessages, { filter, max })).messages.count;
  }

  async countDeliveries(filter: DeliveryFilter = {}, max = 10_000): Promise<FoundCount> {
    return (await this.#graphql.ask<{ deliveries: { count: FoundCount } }>(questions.countDeliveries, { filter, max })).deliveries.count;
  }
}
