// The subscription deliveriesChanged: what changed in a list of deliveries, in bunches, however many change.
import { setTimeout as delay } from 'node:timers/promises';
import { Args, Context, Field, Int, ObjectType, Resolver, Subscription } from '@nestjs/graphql';
import * as z from 'zod';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import type { DeliveryFilter as ViewFilter } from '../../../read-models/queries/delivery-filter.ts';
import { LiveDeliveries, type ChangeCollector } from '../../../read-models/views/live-deliveries.ts';
import { AllowPortal, AllowReaders } from '../../auth/access.ts';
import { Authentication } from '../../auth/authentication.ts';
import { validate } from '../../input-validation.ts';
import { Refusal } from '../../refusal.ts';
import { ApiContexts, type ApiContext } from '../context.ts';
import { ofSeen, seesDelivery, seesEndpoint } from '../visibility.ts';
import { Delivery, DeliveryFilter, parseDeliveryFilter, toDelivery } from './delivery.types.ts';

@ObjectType()
class DeliveriesChanged {
  @Field(() => [Delivery])
  readonly changed!: Delivery[];
  @Field(() => Boolean)
  readonly more!: boolean;
}

const [defaultEveryMs, defaultAtMost] = [1_000, 100];
const everyMsRule = z.int().min(100, 'must be 100 or more').max(60_000, 'must be at most 60000');
const atMostRule = z.int().min(1, 'must be 1 or more').max(200, 'must be at most 200');

/** GraphQL answers an error in place of the value as an error of the field. */
type Payload = { readonly deliveriesChanged: DeliveriesChanged | Refusal };
type Subscribed = { readonly collector: ChangeCollector; readonly filter: ViewFilter; readonly everyMs: number; lastAt: number };

@Resolver(() => DeliveriesChanged)
export class DeliveriesSubscriptionResolver {
  constructor(
    private readonly queries: DeliveryQueries,
    private readonly live: LiveDeliveries,
    private readonly authentication: Authentication,
    private readonly contexts: ApiContexts,
  ) {}

  /** The first change is sent at once. Ends after the first error. `return` ends it even while `next` waits, unlike a generator's. */
  @Subscription(() => DeliveriesChanged, {
    description:
      'Changed deliveries in bunches: at most `atMost` every `everyMs`; `more` says that others changed too and a list should be asked again.',
  })
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  deliveriesChanged(
    @Args('filter', { type: () => DeliveryFilter, nullable: true }) given: DeliveryFilter | null | undefined,
    @Args('everyMs', { type: () => Int, nullable: true, defaultValue: defaultEveryMs }) everyMs: number | null,
    @Args('atMost', { type: () => Int, nullable: true, defaultValue: defaultAtMost }) atMost: number | null,
    @Context() context: ApiContext,
  ): AsyncIterableIterator<Payload> {
    const { caller } = context;
    const filter = ofSeen(caller, parseDeliveryFilter(given));
    const most = validate(atMostRule, atMost ?? defaultAtMost, 'atMost');
    const every = validate(everyMsRule, everyMs ?? defaultEveryMs, 'everyMs');
    const { endpointId, messageId } = filter;
    const collector = this.live.collect(
      (change) =>
        change.organizationId === caller.organizationId &&
        seesEndpoint(caller, change.endpointId) &&
        (endpointId ?? change.endpointId) === change.endpointId &&
        (messageId ?? change.messageId) === change.messageId,
      most,
    );
    const subscribed = { collector, filter, everyMs: every, lastAt: Number.NEGATIVE_INFINITY };
    return {
      next: () => this.next(subscribed, context),
      return: () => {
        collector.end();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private async next(subscribed: Subscribed, context: ApiContext): Promise<IteratorResult<Payload, undefined>> {
    const { collector, filter, everyMs } = subscribed;
    try {
      for (;;) {
        if (!(await collector.waitForChange())) return { done: true, value: undefined };
        // What changes meanwhile comes along.
        await delay(Math.max(0, subscribed.lastAt + everyMs - performance.now()), undefined, { ref: false });
        subscribed.lastAt = performance.now();
        const refused = this.authentication.refusalNow(context.caller);
        if (refused) throw refused;
        const { changes, more } = collector.take();
        const { organizationId } = context.caller;
        context.loaders = this.contexts.loadersOf(organizationId);
        context.budget.renew();
        const ids = changes.map(({ deliveryId }) => deliveryId);
        const views = (await this.queries.matching(organizationId, ids, filter)).filter((view) => seesDelivery(context, view));
        if (views.length === 0 && !more) continue;
        return { done: false, value: { deliveriesChanged: { changed: views.map(toDelivery), more } } };
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      collector.end();
      return { done: false, value: { deliveriesChanged: error } };
    }
  }
}
