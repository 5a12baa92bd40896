// The commands on deliveries: retry one, retry all that match, cancel.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { delivery, deliveryStream, type DeliveryCommand, type DeliverySubject } from '../domain/delivery.ts';
import { conflict, notFound } from '../domain/errors.ts';
import type { DeliveryId, Position } from '../domain/ids.ts';
import { EndpointDirectory } from '../read-models/endpoint-directory.ts';
import { ViewQueries, type DeliveryFilter } from '../read-models/views/queries.ts';
import { causeOf, type Caller, type Done } from './caller.ts';
import { Ledger } from './ledger.ts';

/** A fresh series of attempts, now; also for one that succeeded or was cancelled. Refused where the endpoint was deleted. */
export class RetryDelivery extends Command<Done> {
  constructor(
    readonly caller: Caller,
    readonly deliveryId: DeliveryId,
  ) {
    super();
  }
}

/** All that match; failed ones unless the filter names a status. Those of deleted endpoints are left as they are, and not counted. */
export class RetryDeliveries extends Command<Done & { readonly matched: number }> {
  constructor(
    readonly caller: Caller,
    readonly filter: DeliveryFilter,
  ) {
    super();
  }
}

export class CancelDelivery extends Command<Done> {
  constructor(
    readonly caller: Caller,
    readonly deliveryId: DeliveryId,
  ) {
    super();
  }
}

/** Deliveries decided in one append. */
const batchSize = 200;

const subjectOf = async (views: ViewQueries, { organizationId }: Caller, id: DeliveryId): Promise<DeliverySubject> => {
  const [subject] = await views.deliverySubjects(organizationId, [id]);
  if (!subject) throw notFound(`There is no delivery "${id}"; \`deliveries\` lists those that are.`);
  return subject.subject;
};

@CommandHandler(RetryDelivery)
export class RetryDeliveryHandler implements ICommandHandler<RetryDelivery> {
  constructor(
    private readonly ledger: Ledger,
    private readonly views: ViewQueries,
    private readonly directory: EndpointDirectory,
  ) {}

  async execute({ caller, deliveryId }: RetryDelivery): Promise<Done> {
    const subject = await subjectOf(this.views, caller, deliveryId);
    // It could only be cancelled then, and how it had ended would be forgotten.
    if (!this.directory.endpoint(subject.endpointId))
      throw conflict('The endpoint of this delivery was deleted, so there is nowhere to send it; publish the message again for others.');
    const command: DeliveryCommand = { type: 'RequestRetry', subject, now: new Date() };
    return this.ledger.execute({ stream: deliveryStream(deliveryId), decider: delivery, command }, causeOf(caller));
  }
}

@CommandHandler(CancelDelivery)
export class CancelDeliveryHandler implements ICommandHandler<CancelDelivery> {
  constructor(
    private readonly ledger: Ledger,
    private readonly views: ViewQueries,
  ) {}

  async execute({ caller, deliveryId }: CancelDelivery): Promise<Done> {
    const subject = await subjectOf(this.views, caller, deliveryId);
    const command: DeliveryCommand = { type: 'Cancel', subject, now: new Date(), reason: `cancelled by ${caller.actor}` };
    const outcome = await this.ledger.execute({ stream: deliveryStream(deliveryId), decider: delivery, command }, causeOf(caller));
    if (outcome.events.length === 0 && outcome.state.status !== 'cancelled')
      throw conflict(`The delivery has ${outcome.state.status} already; only one that is still open can be cancelled.`);
    return outcome;
  }
}

@CommandHandler(RetryDeliveries)
export class RetryDeliveriesHandler implements ICommandHandler<RetryDeliveries> {
  constructor(
    private readonly ledger: Ledger,
    private readonly views: ViewQueries,
    private readonly directory: EndpointDirectory,
  ) {}

  async execute({ caller, filter }: RetryDeliveries) {
    const wanted = { ...filter, status: filter.status ?? ['FAILED' as const] };
    const now = new Date();
    const cause = causeOf(caller);
    let matched = 0;
    let position: Position | undefined;
    for await (const page of this.views.matchingDeliveries(caller.organizationId, wanted, batchSize)) {
      const retryable = page.filter(({ subject }) => this.directory.endpoint(subject.endpointId));
      const decisions = retryable.map(({ id, subject }) => {
        const command: DeliveryCommand = { type: 'RequestRetry', subject, now };
        return { stream: deliveryStream(id), decider: delivery, command };
      });
      const outcomes = await this.ledger.executeAll(decisions, cause);
      for (const outcome of outcomes) if (outcome.position && outcome.position > (position ?? '')) position = outcome.position;
      matched += retryable.length;
    }
    return { matched, position };
  }
}
