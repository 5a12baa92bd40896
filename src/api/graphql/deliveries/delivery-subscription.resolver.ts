// The subscription deliveryChanged: sends a delivery of the caller's organization each time the views show a change of it.
import { Args, Context, ID, Resolver, Subscription } from '@nestjs/graphql';
import type { EndpointId, MessageId } from '../../../domain/ids.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import type { DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import { LiveDeliveries, SubscriberTooSlow, type DeliveryChange } from '../../../read-models/views/live-deliveries.ts';
import { AllowPortal, AllowReaders } from '../../auth/access.ts';
import { Authentication } from '../../auth/authentication.ts';
import { Refusal } from '../../refusal.ts';
import { ApiContexts, type ApiContext } from '../context.ts';
import type { Loaders } from '../loaders.ts';
import { seesDelivery, seesEndpoint } from '../visibility.ts';
import { Delivery, toDelivery } from './delivery.types.ts';

/** GraphQL answers an error in place of the value as an error of the field. */
type Payload = { readonly deliveryChanged: Delivery | Refusal };

type SharedReads = { readonly view: Promise<DeliveryView | undefined>; readonly loaders: Loaders };

@Resolver(() => Delivery)
export class DeliverySubscriptionResolver {
  private readonly reads = new WeakMap<DeliveryChange, SharedReads>();

  constructor(
    private readonly queries: DeliveryQueries,
    private readonly live: LiveDeliveries,
    private readonly authentication: Authentication,
    private readonly contexts: ApiContexts,
  ) {}

  /** Ends after the first error, and when the caller's key is revoked. `return` ends it even while `next` waits, unlike a generator's. */
  @Subscription(() => Delivery, { description: 'Every change of a delivery, as the views come to show it.' })
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  deliveryChanged(
    @Args('endpointId', { type: () => ID, nullable: true }) endpointId: EndpointId | null | undefined,
    @Args('messageId', { type: () => ID, nullable: true }) messageId: MessageId | null | undefined,
    @Context() context: ApiContext,
  ): AsyncIterableIterator<Payload> {
    const { organizationId } = context.caller;
    const changes = this.live.subscribe(
      (change) =>
        change.organizationId === organizationId &&
        seesEndpoint(context.caller, change.endpointId) &&
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

  /** Subscribers of one organization get the same change object, and share what is read for it. */
  private readOnce(change: DeliveryChange): SharedReads {
    let reads = this.reads.get(change);
    if (!reads) {
      const { organizationId, deliveryId } = change;
      reads = { view: this.queries.find(organizationId, deliveryId), loaders: this.contexts.loadersOf(organizationId) };
      this.reads.set(change, reads);
    }
    return reads;
  }

  private async next(changes: AsyncIterator<DeliveryChange>, context: ApiContext): Promise<IteratorResult<Payload, undefined>> {
    try {
      for (;;) {
        const change = await changes.next();
        if (change.done) return { done: true, value: undefined };
        const refused = this.authentication.refusalNow(context.caller);
        if (refused) throw refused;
        const reads = this.readOnce(change.value);
        context.loaders = reads.loaders;
        context.budget.renew();
        const view = await reads.view;
        if (view && seesDelivery(context, view)) return { done: false, value: { deliveryChanged: toDelivery(view) } };
      }
    } catch (error) {
      const refusal = error instanceof SubscriberTooSlow ? new Refusal('TOO_MANY_REQUESTS', error.message) : error;
      if (!(refusal instanceof Refusal)) throw error;
      await changes.return?.();
      return { done: false, value: { deliveryChanged: refusal } };
    }
  }
}
