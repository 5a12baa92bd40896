// The API as one Nest module. It needs from a global module: EndpointDirectory, RequestMaker, the query classes of the read models, ForeignEvents,
// LiveDeliveries, prom-client's Registry, and the tokens
// of tokens.ts; the command handlers and `CqrsModule.forRoot()` come with the application.
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { GraphQLModule } from '@nestjs/graphql';
import { TerminusModule } from '@nestjs/terminus';
import { AccessCheck } from './auth/access-check.ts';
import { AccessGuard } from './auth/access-guard.ts';
import { ApiContexts } from './graphql/context.ts';
import { countResolver } from './graphql/counts.ts';
import { AttemptResolver } from './graphql/deliveries/attempt.resolver.ts';
import { DeliverySubscriptionResolver } from './graphql/deliveries/delivery-subscription.resolver.ts';
import { DeliveryResolver } from './graphql/deliveries/delivery.resolver.ts';
import { LastAttemptResolver } from './graphql/deliveries/last-attempt.resolver.ts';
import { AttentionResolver } from './graphql/endpoints/attention.resolver.ts';
import { DeliveriesSubscriptionResolver } from './graphql/deliveries/deliveries-subscription.resolver.ts';
import { EndpointSubscriptionResolver } from './graphql/endpoints/endpoint-subscription.resolver.ts';
import { DraftTestResolver } from './graphql/endpoints/draft-test.resolver.ts';
import { DeliveryConnection } from './graphql/deliveries/delivery.types.ts';
import { EndpointHealthResolver } from './graphql/endpoints/endpoint-health.resolver.ts';
import { EndpointWorkResolver } from './graphql/endpoints/endpoint-work.resolver.ts';
import { EndpointListResolver } from './graphql/endpoints/endpoint-list.resolver.ts';
import { EndpointResolver } from './graphql/endpoints/endpoint.resolver.ts';
import { EndpointConnection } from './graphql/endpoints/endpoint.types.ts';
import { GraphQLOptions } from './graphql/graphql-options.ts';
import { StreamQueries } from './graphql/history/stream-queries.ts';
import { HistoryResolver } from './graphql/history/history.resolver.ts';
import { OutcomeResolver } from './graphql/messages/outcome.resolver.ts';
import { RoutingResolver } from './graphql/messages/routing.resolver.ts';
import { MessageConnectionResolver, MessageResolver } from './graphql/messages/message.resolver.ts';
import { MessageConnection } from './graphql/messages/message.types.ts';
import { ApiKeyResolver } from './graphql/organization/api-key.resolver.ts';
import { ApiKeyConnection } from './graphql/organization/organization.types.ts';
import { CallerResolver } from './graphql/organization/caller.resolver.ts';
import {
  DeliveryOwnerResolver,
  EndpointOwnerResolver,
  MessageOwnerResolver,
  OrganizationFieldsResolver,
} from './graphql/organization/organization-fields.resolver.ts';
import { OrganizationConnection } from './graphql/organization/organizations.types.ts';
import { OrganizationsResolver } from './graphql/organization/organizations.resolver.ts';
import { OrganizationResolver } from './graphql/organization/organization.resolver.ts';
import { PreviewResolver } from './graphql/endpoints/preview.resolver.ts';
import { BulkRetryResolver } from './graphql/bulk-retries/bulk-retry.resolver.ts';
import { ReplayResolver } from './graphql/replays/replay.resolver.ts';
import { WhatIfResolver } from './graphql/endpoints/what-if.resolver.ts';
import { SubscriptionServer } from './graphql/subscriptions/subscription-server.ts';
import { SystemResolver } from './graphql/system/system.resolver.ts';
import { DeliveryStatsResolver } from './graphql/stats/delivery-stats.resolver.ts';
import { FailureStatsResolver } from './graphql/stats/failure-stats.resolver.ts';
import { SearchResolver } from './graphql/search/search.resolver.ts';
import { SourceResolver } from './graphql/sources/source.resolver.ts';
import { PortalSettingsResolver } from './graphql/organization/portal-settings.resolver.ts';
import { PortalSessionResolver } from './graphql/organization/portal-session.resolver.ts';
import { ReadYourWrites } from './read-your-writes.ts';
import { HealthController } from './rest/health.controller.ts';
import { MessagesController } from './rest/messages.controller.ts';
import { MetricsController } from './rest/metrics.controller.ts';
import { ProblemFilter } from './rest/problem-filter.ts';

@Module({ providers: [StreamQueries, ApiContexts], exports: [StreamQueries, ApiContexts] })
class ContextModule {}

@Module({
  imports: [
    DiscoveryModule,
    ContextModule,
    TerminusModule.forRoot({ logger: false }),
    GraphQLModule.forRootAsync<ApolloDriverConfig>({ driver: ApolloDriver, imports: [ContextModule], useClass: GraphQLOptions }),
  ],
  controllers: [MessagesController, HealthController, MetricsController],
  providers: [
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
    AccessCheck,
    SubscriptionServer,
    ReadYourWrites,
    EndpointResolver,
    AttentionResolver,
    DeliveriesSubscriptionResolver,
    DraftTestResolver,
    EndpointSubscriptionResolver,
    EndpointListResolver,
    EndpointHealthResolver,
    EndpointWorkResolver,
    LastAttemptResolver,
    MessageResolver,
    MessageConnectionResolver,
    OutcomeResolver,
    RoutingResolver,
    DeliveryResolver,
    DeliverySubscriptionResolver,
    AttemptResolver,
    OrganizationResolver,
    OrganizationsResolver,
    OrganizationFieldsResolver,
    EndpointOwnerResolver,
    MessageOwnerResolver,
    DeliveryOwnerResolver,
    ApiKeyResolver,
    CallerResolver,
    PortalSessionResolver,
    PortalSettingsResolver,
    HistoryResolver,
    ReplayResolver,
    BulkRetryResolver,
    WhatIfResolver,
    PreviewResolver,
    SourceResolver,
    SearchResolver,
    DeliveryStatsResolver,
    FailureStatsResolver,
    SystemResolver,
    countResolver(EndpointConnection),
    countResolver(MessageConnection),
    countResolver(DeliveryConnection),
    countResolver(OrganizationConnection),
    countResolver(ApiKeyConnection),
  ],
})
export class ApiModule {}
