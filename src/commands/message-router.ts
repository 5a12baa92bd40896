// Routes the messages of a publish without holding up others: pauses every few milliseconds, and refuses what takes too long in all.
import { setImmediate } from 'node:timers/promises';
import { badInput } from '../domain/errors.ts';
import type { EndpointId, OrganizationId } from '../domain/ids.ts';
import type { RoutedContent, RoutingSteps } from '../domain/routing.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import type { Routing } from '../read-models/directory/routing-index.ts';
import { WeightedSemaphore } from './weighted-semaphore.ts';

const millisecondsAtOnce = 8;
const mostSeconds = 10;

/** `organization`: where it is not the one of the request. */
type MessageToRoute = RoutedContent & { readonly type: string; readonly organization?: OrganizationId | undefined };
export type Routed<M> = { readonly message: M; readonly routing: Routing };

export class MessageRouter {
  /** Routings that did not end in their first turn. One at a time, or each would lengthen every turn of the event loop. */
  private readonly costly = new WeightedSemaphore(1);

  constructor(
    private readonly directory: Pick<EndpointDirectory, 'route'>,
    private readonly mostMilliseconds = mostSeconds * 1000,
  ) {}

  /**
   * In the order of the messages. Each is routed by the configuration of the moment that is recorded with it.
   * @throws DomainError if filters take too long, ConfigurationUnavailable
   */
  async route<M extends MessageToRoute>(organizationId: OrganizationId, messages: readonly M[], now: Date): Promise<readonly Routed<M>[]> {
    const turns = new RoutingTurns(this.routeAll(organizationId, messages, now), this.mostMilliseconds);
    if (!turns.take())
      await this.costly.run(1, async () => {
        do await setImmediate();
        while (!turns.take());
      });
    return turns.result ?? [];
  }

  private *routeAll<M extends MessageToRoute>(
    organizationId: OrganizationId,
    messages: readonly M[],
    now: Date,
  ): RoutingSteps<Routed<M>[]> {
    const routed: Routed<M>[] = [];
    for (const message of messages) {
      const routing = yield* this.directory.route(message.organization ?? organizationId, message.type, message, now);
      routed.push({ message, routing });
      const [first] = routing.destinations;
      if (first) yield first.endpointId;
    }
    return routed;
  }
}

class RoutingTurns<T> {
  result: T | undefined;
  private milliseconds = 0;
  private readonly spentOn = new Map<EndpointId, number>();

  constructor(
    private readonly steps: RoutingSteps<T>,
    private readonly mostMilliseconds: number,
  ) {}

  /** Goes on for some milliseconds. @returns whether all is routed */
  take(): boolean {
    const started = performance.now();
    let last = started;
    for (let step = this.steps.next(); ; step = this.steps.next()) {
      if (step.done) {
        this.result = step.value;
        return true;
      }
      const now = performance.now();
      this.spentOn.set(step.value, (this.spentOn.get(step.value) ?? 0) + now - last);
      last = now;
      if (now - started < millisecondsAtOnce) continue;
      this.milliseconds += now - started;
      if (this.milliseconds > this.mostMilliseconds) throw this.tooCostly();
      return false;
    }
  }

  private tooCostly() {
    const [costliest] = Array.from(this.spentOn).toSorted(([, a], [, b]) => b - a);
    return badInput(
      'messages',
      `Filters of endpoints take more than ${this.mostMilliseconds / 1000} s with these messages, the endpoint ${costliest?.[0]} the longest. Send fewer messages at a time or less data in each, or give that endpoint a simpler filter.`,
    );
  }
}
