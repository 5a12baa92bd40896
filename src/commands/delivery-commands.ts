// The commands on deliveries: retry one, cancel one. A delivery in a batch is retried and cancelled with its batch.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { AttemptsCommand } from '../domain/attempts.ts';
import { batch } from '../domain/batch.ts';
import { delivery } from '../domain/delivery.ts';
import { conflict, notFound } from '../domain/errors.ts';
import type { DeliveryId, EndpointId } from '../domain/ids.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { DeliveryQueries } from '../read-models/queries/delivery-queries.ts';
import type { DeliverySubjectView } from '../read-models/queries/delivery-view.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { cancelAlone, ClosedBatches } from './closed-batches.ts';
import { CommandExecutor, type Cause } from './command-executor.ts';
import { batchStream, deliveryStream } from '../domain/streams.ts';

/** Begins a new series of attempts now, even if the delivery succeeded or was cancelled. Refused if the endpoint was deleted. */
export class RetryDelivery extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly deliveryId: DeliveryId,
  ) {
    super();
  }
}

export class CancelDelivery extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly deliveryId: DeliveryId,
  ) {
    super();
  }
}

const requireDelivery = async (deliveries: DeliveryQueries, { organizationId }: Caller, id: DeliveryId) => {
  const [found] = await deliveries.subjects(organizationId, [id]);
  if (!found) throw notFound(`There is no delivery "${id}"; \`deliveries\` lists the ones that exist.`);
  return found;
};

const ifRetried = ({ type }: AttemptsCommand, isDelayed: boolean) => (type === 'RequestRetry' ? { isDelayed } : {});

/** Executes a command on each delivery, or once on the batch that it goes in. */
export const executeOnEach = async (
  executor: Pick<CommandExecutor, 'executeAll'>,
  deliveries: readonly DeliverySubjectView[],
  command: AttemptsCommand,
  cause: Cause,
) => {
  const single = deliveries.filter((each) => !each.batch);
  const batches = new Map(
    deliveries.flatMap(({ subject, batch: of, isDelayed }) => (of ? [[of.id, { subject, size: of.size, isDelayed }] as const] : [])),
  );
  const [ofSingle, ofBatches] = await Promise.all([
    executor.executeAll(
      single.map(({ id, subject, isDelayed }) => ({
        stream: deliveryStream(id),
        decider: delivery,
        command: { ...command, subject, ...ifRetried(command, isDelayed) },
      })),
      cause,
    ),
    executor.executeAll(
      Array.from(batches, ([id, { subject, size, isDelayed }]) => {
        const { organizationId, endpointId } = subject;
        const ofBatch = { ...command, subject: { organizationId, endpointId, size }, ...ifRetried(command, isDelayed) };
        return { stream: batchStream(id), decider: batch, command: ofBatch };
      }),
      cause,
    ),
  ]);
  return [...ofSingle, ...ofBatches];
};

@CommandHandler(RetryDelivery)
export class RetryDeliveryHandler implements ICommandHandler<RetryDelivery> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly deliveries: DeliveryQueries,
    private readonly directory: EndpointDirectory,
  ) {}

  async execute({ caller, deliveryId }: RetryDelivery): Promise<CommandResult> {
    const found = await requireDelivery(this.deliveries, caller, deliveryId);
    // A retry would only be cancelled, and hide how the delivery ended.
    if (!this.directory.endpoint(found.subject.endpointId))
      throw conflict('The endpoint of this delivery was deleted, so there is nowhere to send it; publish the message again for others.');
    const shown = await this.deliveries.find(caller.organizationId, deliveryId);
    if (shown?.waitsFor)
      throw conflict(
        `This delivery waits for its turn under its ordering key; retry or cancel the delivery ${shown.waitsFor}, which comes first.`,
      );
    const [outcome] = await executeOnEach(this.executor, [found], { type: 'RequestRetry', now: new Date() }, newCause(caller));
    return { position: outcome?.position };
  }
}

/** A delivery that may go in a batch is cancelled in a batch of its own, and with the batch that it is in by then. */
@CommandHandler(CancelDelivery)
export class CancelDeliveryHandler implements ICommandHandler<CancelDelivery> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly deliveries: DeliveryQueries,
    private readonly directory: EndpointDirectory,
    private readonly batches: ClosedBatches,
  ) {}

  async execute({ caller, deliveryId }: CancelDelivery): Promise<CommandResult> {
    let found = await requireDelivery(this.deliveries, caller, deliveryId);
    const [cancelled, cause] = [{ now: new Date(), reason: `cancelled by ${caller.actor}` }, newCause(caller)];
    // Whether it is in a batch is certain only from the log: the views may not show one that was closed just now.
    if (!found.batch && this.takesBatches(found.subject.endpointId)) {
      const newest = await this.batches.shownUpTo(found.subject.endpointId);
      found = await requireDelivery(this.deliveries, caller, deliveryId);
      if (found.batch) refuseWithOthers(found.batch.size);
      else if (!found.subject.test && (await this.batches.mayTake(deliveryId))) {
        const outcome = await cancelAlone(this.executor, found.subject, newest, cancelled, cause);
        if (!('batchId' in outcome)) return outcome;
        refuseWithOthers(outcome.size);
        found = { ...found, batch: { id: outcome.batchId, size: outcome.size } };
      }
    }
    const [outcome] = await executeOnEach(this.executor, [found], { type: 'Cancel', ...cancelled }, cause);
    if (outcome?.events.length === 0 && outcome.state.status !== 'cancelled')
      throw conflict(`The delivery has ${outcome.state.status} already; only one that is still open can be cancelled.`);
    return { position: outcome?.position };
  }

  private takesBatches(id: EndpointId): boolean {
    return (this.directory.endpoint(id)?.configuration.settings.batch ?? null) !== null;
  }
}

/** The person saw it alone, and did not ask to cancel the others. @throws DomainError CONFLICT */
const refuseWithOthers = (size: number): void => {
  if (size > 1)
    throw conflict(
      `The delivery has just gone into a batch with ${size === 2 ? 'one other' : `${size - 1} others`}. A batch is cancelled as one: cancel it again to cancel all of them.`,
    );
};
