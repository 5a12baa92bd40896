// The subscription deliveryChanged: sends a delivery of the caller's organization each time the views show a change of it.
import { Args, Context, ID, Resolver, Subscription } from '@nestjs/graphql';
import type { EndpointId, MessageId } from '../../../domain/ids.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import { LiveDeliveries, SubscriberTooSlow, type DeliveryChange } from '../../../read-models/views/live-deliveries.ts';
import { AllowReaders } from '../../auth/access.ts';
import { Authentication } from '../../auth/authentication.ts';
import { Refusal } from '../../refusal.ts';
import type { ApiContext } from '../context.ts';
import { Delivery, toDelivery } from './delivery.types.ts';

/** GraphQL answers an error in place of the value as an error of the field. */
type Payload = { readonly deliveryChanged: Delivery | Refusal };

@Resolver(() => Delivery)
export class DeliverySubscriptionResolver {
  constructor(
    private readonly queries: DeliveryQueries,
    private readonly live: LiveDeliveries,
    private readonly authentication: Authentication,
  ) {}

  /** Ends after the first error, and when the caller's key is revoked. `return` ends it even while `next` waits, unlike a generator's. */
  @Subscription(() => Delivery, { description: 'Every change of a delivery, as the views come to show it.' })
  @AllowReaders()
  deliveryChanged(
    @Args('endpointId', { type: () => ID, nullable: true }) endpointId: EndpointId | null | undefined,
    @Args('messageId', { type: () => ID, nullable: true }) messageId: MessageId | null | undefined,
    @Context() context: ApiContext,
  ): AsyncIterableIterator<Payload> {
    const { organizationId } = context.caller;
    const changes = this.live.subscribe(
      (change) =>
        change.organizationId === organizationId &&
        (endpointId ?? change.endpointId) === change.endpointId &&
        (messageId ?? change.messageId) === change.messageId,
    );
    return {
      next: () => this.next(changes, context),
      return: async () => {
        await changes.return?.();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private async next(changes: AsyncIterator<DeliveryChange>, { caller, loaders }: ApiContext): Promise<IteratorResult<Payload, undefined>> {
    try {
      for (;;) {
        const change = await changes.next();
        if (change.done) return { done: true, value: undefined };
        const refused = this.authentication.refusalNow(caller);
        if (refused) throw refused;
        loaders.clear();
        const view = await this.queries.find(caller.organizationId, change.value.deliveryId);
        if (view) return { done: false, value: { deliveryChanged: toDelivery(view) } };
      }
    } catch (error) {
      const refusal = error instanceof SubscriberTooSlow ? new Refusal('TOO_MANY_REQUESTS', error.message) : error;
      if (!(refusal instanceof Refusal)) throw error;
      await changes.return?.();
      return { done: false, value: { deliveryChanged: refusal } };
    }
  }
}
