// Routing: which endpoints take a message, and why. The rule is written here once. Intake, the what-if preview, the explanation of a routing and the
// check of the log all call it. Intake and the check ask compiled matchers; a property test holds these equal to `routeMessage`.
import type { EndpointSettings } from './endpoint-events.ts';
import type { EndpointConfiguration } from './endpoint.ts';
import { compileFilter, type CompiledFilter } from './filter/compile-filter.ts';
import { failedConditions, type FailedCondition } from './filter/explain-filter.ts';
import type { EndpointId } from './ids.ts';
import { countValues, type JsonObject } from './json.ts';
import type { Destination } from './message.ts';
import { compileSubscription, subscribingEntry } from './subscription.ts';

/** The part of an endpoint's configuration that routing depends on. */
export type RoutingConfiguration = Pick<EndpointConfiguration, 'status' | 'audience'> & {
  readonly settings: Pick<EndpointSettings, 'eventTypes' | 'filter' | 'retryPolicy' | 'ordering'>;
};

/** What routing depends on of a message, but for its type. */
export type RoutedContent = { readonly data: JsonObject; readonly orderingKey?: string | undefined };

/** What the message's organization says of its type: the group that it belongs to, and whether it is internal. */
export type TypeKind = { readonly group: string; readonly isInternal: boolean };

export type MessageToRoute = RoutedContent & TypeKind & { readonly type: string };

/** In the order of the endpoints. `skipped` endpoints match but are disabled. */
export type RoutedMessage = { readonly destinations: Destination[]; readonly skipped: EndpointId[] };

/** What becomes of a message at one endpoint, and why. `subscription` is the entry that matched first. */
export type RoutingReason =
  | { readonly result: 'not-subscribed' }
  /** The type is internal, and does not go to this endpoint. */
  | { readonly result: 'internal'; readonly subscription: string }
  | { readonly result: 'filtered-out'; readonly subscription: string; readonly failed: readonly FailedCondition[] }
  | { readonly result: 'skipped' | 'sent'; readonly subscription: string };

const mayGo = ({ audience }: Pick<RoutingConfiguration, 'audience'>, { isInternal }: TypeKind): boolean =>
  !isInternal || audience !== 'PUBLIC';

export const routingReason = (configuration: RoutingConfiguration, message: MessageToRoute): RoutingReason => {
  const { status, settings } = configuration;
  const { type, group, data } = message;
  const subscription = subscribingEntry(settings.eventTypes, type, group);
  if (subscription === undefined) return { result: 'not-subscribed' };
  if (!mayGo(configuration, message)) return { result: 'internal', subscription };
  const failed = settings.filter === null ? [] : failedConditions(settings.filter, data);
  if (failed.length > 0) return { result: 'filtered-out', subscription, failed };
  return { result: status === 'DISABLED' ? 'skipped' : 'sent', subscription };
};

/** Routes a message among endpoints, and gives the reason for each. */
export const routeMessage = (
  endpoints: Iterable<readonly [EndpointId, RoutingConfiguration]>,
  message: MessageToRoute,
  now: Date,
): RoutedMessage & { readonly reasons: ReadonlyMap<EndpointId, RoutingReason> } => {
  const destinations: Destination[] = [];
  const skipped: EndpointId[] = [];
  const reasons = new Map<EndpointId, RoutingReason>();
  for (const [id, configuration] of endpoints) {
    const reason = routingReason(configuration, message);
    reasons.set(id, reason);
    if (reason.result === 'skipped') skipped.push(id);
    if (reason.result === 'sent') destinations.push(destinationOf({ endpointId: id }, configuration, message, now));
  }
  return { destinations, skipped, reasons };
};

/**
 * The first entry of the retry policy delays the first attempt. A message without a key takes no turns by key.
 * @param plain what it is for an endpoint that delays and orders nothing
 */
const destinationOf = (plain: Destination, { settings }: RoutingConfiguration, { orderingKey }: RoutedContent, now: Date): Destination => {
  const [delaySeconds = 0] = settings.retryPolicy.delaysSeconds;
  const { ordering } = settings;
  const isOrdered = ordering === 'STRICT' || (ordering === 'PER_KEY' && orderingKey !== undefined);
  if (delaySeconds === 0 && !isOrdered) return plain;
  return {
    ...plain,
    ...(delaySeconds > 0 && { notBefore: new Date(now.getTime() + delaySeconds * 1000).toISOString(), delaySeconds }),
    ...(isOrdered && { ordering }),
  };
};

// ── Compiled, for many messages ──

/** Tests of a message's values that may run without a pause: about a millisecond. */
const mostTestsAtOnce = 100_000;

/** One endpoint's subscription and filter, compiled. */
export class EndpointMatcher {
  /** By its subscription, and as far as the type may go there. */
  readonly takes: (type: string, kind: TypeKind) => boolean;
  readonly filter: CompiledFilter | undefined;
  /** Shared by all messages that it fits: a large publish to many endpoints has hundreds of thousands. */
  private readonly plainDestination: Destination;

  constructor(
    readonly id: EndpointId,
    readonly configuration: RoutingConfiguration,
  ) {
    const { eventTypes, filter } = configuration.settings;
    const subscribesTo = compileSubscription(eventTypes);
    this.takes = (type, kind) => mayGo(configuration, kind) && subscribesTo(type, kind.group);
    this.filter = filter === null ? undefined : compileFilter(filter);
    this.plainDestination = { endpointId: id };
  }

  destinationOf(message: RoutedContent, now: Date): Destination {
    return destinationOf(this.plainDestination, this.configuration, message, now);
  }

  /** Whether the endpoint takes the message, unless it is disabled. Its caller may pause at each step: a costly filter takes long on a large message. */
  *matchesInSteps(message: MessageToRoute): RoutingSteps<boolean> {
    if (!this.takes(message.type, message)) return false;
    return !this.filter || (yield* matchInSteps(this.id, this.filter, message.data));
  }
}

/** Yields the endpoint that it is at wherever its caller may pause: after each filter, and inside a costly one. */
export type RoutingSteps<T> = Generator<EndpointId, T, undefined>;

/** As `routeMessage`, among endpoints that subscribe to the message's type. */
export function* routeInSteps(subscribers: Iterable<EndpointMatcher>, message: RoutedContent, now: Date): RoutingSteps<RoutedMessage> {
  const destinations: Destination[] = [];
  const skipped: EndpointId[] = [];
  const { data } = message;
  let values: number | undefined;
  for (const matcher of subscribers) {
    const { id, configuration, filter } = matcher;
    if (filter) {
      values ??= countValues(data);
      const passes = filter.scans * values > mostTestsAtOnce ? yield* matchInSteps(id, filter, data) : filter.matches(data);
      yield id;
      if (!passes) continue;
    }
    if (configuration.status === 'DISABLED') skipped.push(id);
    else destinations.push(matcher.destinationOf(message, now));
  }
  return { destinations, skipped };
}

function* matchInSteps(id: EndpointId, filter: CompiledFilter, data: JsonObject): RoutingSteps<boolean> {
  const steps = filter.matchesInSteps(data);
  let step = steps.next();
  for (; !step.done; step = steps.next()) yield id;
  return step.value;
}

/** Takes all steps at once. */
export const finish = <T>(steps: RoutingSteps<T>): T => {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
};
