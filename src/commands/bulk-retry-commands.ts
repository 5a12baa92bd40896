// The commands on bulk retries: request one, cancel one. The bulk retrier (src/delivery) runs them.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { bulkRetry, type BulkRetryFilter } from '../domain/bulk-retry.ts';
import { notFound } from '../domain/errors.ts';
import { bulkRetryId, type BulkRetryId } from '../domain/ids.ts';
import { bulkRetryStream } from '../domain/streams.ts';
import { messageIdOf, newId } from '../event-store/id-generation.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { BulkRetryQueries } from '../read-models/queries/bulk-retry-queries.ts';
import type { DeliveryFilter } from '../read-models/queries/delivery-filter.ts';
import { DeliveryQueries } from '../read-models/queries/delivery-queries.ts';
import { EndpointQueries } from '../read-models/queries/endpoint-queries.ts';
import { MessageQueries } from '../read-models/queries/message-queries.ts';
import { isGiven } from '../read-models/queries/optional.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';

/** Retries all deliveries that match: failed ones, unless the filter names a status. Deliveries to deleted endpoints are neither retried nor counted. */
export class RetryDeliveries extends Command<CommandResult & { readonly bulkRetryId: BulkRetryId }> {
  constructor(
    readonly caller: Caller,
    readonly filter: DeliveryFilter,
  ) {
    super();
  }
}

export class CancelBulkRetry extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly bulkRetryId: BulkRetryId,
  ) {
    super();
  }
}

@CommandHandler(RetryDeliveries)
export class RetryDeliveriesHandler implements ICommandHandler<RetryDeliveries> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly deliveries: DeliveryQueries,
    private readonly directory: EndpointDirectory,
    private readonly messages: MessageQueries,
    private readonly endpoints: EndpointQueries,
  ) {}

  async execute({ caller, filter }: RetryDeliveries) {
    const { organizationId } = caller;
    await this.checkFilter(caller, filter);
    const wanted = { ...filter, status: filter.status ?? ['FAILED' as const] };
    const counts = await this.deliveries.countMatching(organizationId, wanted);
    const matched = counts.reduce((sum, { count }) => sum + count, 0);
    const id = bulkRetryId.parse(newId());
    const command = { type: 'Request', now: new Date(), organizationId, filter: recordedFilter(wanted), matched } as const;
    const { position } = await this.executor.execute({ stream: bulkRetryStream(id), decider: bulkRetry, command }, newCause(caller));
    return { bulkRetryId: id, position };
  }

  /** Nothing matches what does not exist, which would look as if nothing had failed. @throws DomainError NOT_FOUND */
  private async checkFilter({ organizationId }: Caller, { endpointId, endpointIds, messageId, clientId }: DeliveryFilter): Promise<void> {
    for (const id of [...(isGiven(endpointId) ? [endpointId] : []), ...(endpointIds ?? [])]) {
      if (this.directory.endpoint(id)?.configuration.organizationId === organizationId) continue;
      const [deleted] = await this.endpoints.byIds(organizationId, [id]);
      if (!deleted) throw notFound(`There is no endpoint "${id}"; \`endpoints\` lists the ones that exist.`);
    }
    if (isGiven(clientId) && !(await this.messages.find(organizationId, messageIdOf(organizationId, clientId))))
      throw notFound(`There is no message that was published as "${clientId}"; \`messages\` lists the ones that exist.`);
    if (isGiven(messageId) && !(await this.messages.find(organizationId, messageId)))
      throw notFound(`There is no message "${messageId}"; \`messages\` lists the ones that exist.`);
  }
}

@CommandHandler(CancelBulkRetry)
export class CancelBulkRetryHandler implements ICommandHandler<CancelBulkRetry> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly bulkRetries: BulkRetryQueries,
  ) {}

  async execute({ caller, bulkRetryId: id }: CancelBulkRetry): Promise<CommandResult> {
    if (!(await this.bulkRetries.find(caller.organizationId, id)))
      throw notFound(`There is no bulk retry "${id}"; \`bulkRetries\` lists the ones that exist.`);
    const command = { type: 'Cancel', now: new Date(), reason: `cancelled by ${caller.actor}` } as const;
    const { position } = await this.executor.execute({ stream: bulkRetryStream(id), decider: bulkRetry, command }, newCause(caller));
    return { position };
  }
}

const recordedFilter = (filter: DeliveryFilter & Pick<BulkRetryFilter, 'status'>): BulkRetryFilter => {
  const { status, endpointId, messageId, eventType, since, until, responseCode } = filter;
  const { endpointIds, clientId, eventTypes, responseCodeFrom, responseCodeUntil, failure, test } = filter;
  return {
    status,
    ...(isGiven(endpointId) && { endpointId }),
    ...(isGiven(messageId) && { messageId }),
    ...(isGiven(eventType) && { eventType }),
    ...(isGiven(since) && { since: since.toISOString() }),
    ...(isGiven(until) && { until: until.toISOString() }),
    ...(isGiven(responseCode) && { responseCode }),
    ...(isGiven(endpointIds) && { endpointIds }),
    ...(isGiven(clientId) && { clientId }),
    ...(isGiven(eventTypes) && { eventTypes }),
    ...(isGiven(responseCodeFrom) && { responseCodeFrom }),
    ...(isGiven(responseCodeUntil) && { responseCodeUntil }),
    ...(isGiven(failure) && { failure }),
    ...(isGiven(test) && { test }),
  };
};
