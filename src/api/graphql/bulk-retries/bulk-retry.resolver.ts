// Bulk retries over GraphQL: requesting, cancelling, and queries.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { CancelBulkRetry, RetryDeliveries } from '../../../commands/bulk-retry-commands.ts';
import type { CommandResult } from '../../../commands/caller.ts';
import type { BulkRetryId } from '../../../domain/ids.ts';
import { BulkRetryQueries } from '../../../read-models/queries/bulk-retry-queries.ts';
import { AllowOperators, AllowPortal, AllowReaders } from '../../auth/access.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { PageArgs, parsePageArgs, toConnection, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { DeliveryFilter, parseDeliveryFilter } from '../deliveries/delivery.types.ts';
import { ofSeen } from '../visibility.ts';
import { BulkRetry, BulkRetryConnection, toBulkRetry } from './bulk-retry.types.ts';

/** What does not exist is refused by name, and so is what a session does not see. */
const deliveryFilterSubjects = [
  { argument: 'filter.endpointId', is: 'endpoint', isOptional: true },
  { argument: 'filter.endpointIds', is: 'endpoint', isOptional: true },
  { argument: 'filter.messageId', is: 'message', isOptional: true },
  { argument: 'filter.clientId', is: 'message by client id', isOptional: true },
] as const;

@Resolver(() => BulkRetry)
export class BulkRetryResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: BulkRetryQueries,
    private readonly writes: ReadYourWrites,
  ) {}

  // ── Queries ──

  @Query(() => BulkRetry, { nullable: true })
  @AllowReaders()
  @AllowPortal('RETRY', 'FILTERED')
  async bulkRetry(@Args('id', { type: () => ID }) id: BulkRetryId, @Context() { caller }: ApiContext): Promise<BulkRetry | null> {
    const view = await this.queries.find(caller.organizationId, id);
    return view ? toBulkRetry(view) : null;
  }

  @Query(() => BulkRetryConnection, { description: 'Newest first.' })
  @AllowReaders()
  @AllowPortal('RETRY', 'FILTERED')
  async bulkRetries(@Args() page: PageArgs, @Context() { caller }: ApiContext): Promise<Connection<BulkRetry>> {
    return toConnection(await this.queries.page(caller.organizationId, parsePageArgs(page)), toBulkRetry);
  }

  // ── Mutations ──

  @Mutation(() => BulkRetry, { description: 'All that match; FAILED ones unless the filter names a status.' })
  @AllowOperators()
  @AllowPortal('RETRY', deliveryFilterSubjects)
  async retryDeliveries(
    @Args('filter', { type: () => DeliveryFilter }) filter: DeliveryFilter,
    @Context() context: ApiContext,
  ): Promise<BulkRetry> {
    const result = await this.commands.execute(new RetryDeliveries(context.caller, ofSeen(context.caller, parseDeliveryFilter(filter))));
    return this.answer(result, result.bulkRetryId, context);
  }

  @Mutation(() => BulkRetry, { description: 'It retries no more deliveries; those that it has retried go on.' })
  @AllowOperators()
  @AllowPortal('RETRY', { argument: 'id', is: 'bulk retry' })
  async cancelBulkRetry(@Args('id', { type: () => ID }) id: BulkRetryId, @Context() context: ApiContext): Promise<BulkRetry> {
    return this.answer(await this.commands.execute(new CancelBulkRetry(context.caller, id)), id, context);
  }

  private async answer(result: CommandResult, id: BulkRetryId, { caller }: ApiContext): Promise<BulkRetry> {
    await this.writes.waitForViews(result);
    const view = await this.queries.find(caller.organizationId, id);
    if (!view) throw new Error(`The bulk retry ${id} is recorded, but the views do not show it yet.`);
    return toBulkRetry(view);
  }
}
