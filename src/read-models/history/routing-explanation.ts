// Why a message went to an endpoint, or did not: from the configuration that its routing was decided on, and nothing that came later.
import { fold } from '../../domain/decider.ts';
import type { DeliveryEvent } from '../../domain/delivery.ts';
import type { EndpointEvent } from '../../domain/endpoint-events.ts';
import { endpoint, type Endpoint, type EndpointConfiguration } from '../../domain/endpoint.ts';
import type { FailedCondition } from '../../domain/filter/explain-filter.ts';
import type { EndpointId, Position } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import { defaultOrganization, kindIn, organization } from '../../domain/organization.ts';
import { organizationStream } from '../../domain/streams.ts';
import type { OrganizationEvent } from '../../domain/organization-events.ts';
import { routingReason, type RoutingReason, type TypeKind } from '../../domain/routing.ts';
import { positionInLogOf } from '../../event-store/provenance.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';

export const routings = ['SENT', 'SKIPPED', 'NOT_ROUTED'] as const;
/** `SKIPPED`: it matched, but the endpoint was disabled. */
export type Routing = (typeof routings)[number];

export type RoutingExplanation = {
  /** Why, in sentences. */
  readonly text: string;
  /** What was decided when the message was accepted. */
  readonly recorded: Routing;
  /** What follows from the configuration of then, by the rules of now. */
  readonly expected: Routing;
  readonly agrees: boolean;
  /** The configuration is the log up to here. */
  readonly routedAt: Position;
  /** The endpoint's last event of then; undefined: it was not registered yet. */
  readonly revision: number | undefined;
  readonly subscription: string | null;
  readonly failedConditions: readonly FailedCondition[];
};

type Accepted = RecordedEvent<MessageEvent>;

/** Those that the routing was decided on. The log may be a copy, so that `routedAt` is a position of another one. */
const decidedOn = <E extends RecordedEvent>(accepted: Accepted, events: readonly E[]): E[] =>
  events.filter((event) => {
    const position = positionInLogOf(accepted, event);
    return position !== undefined && position <= accepted.data.routedAt;
  });

/** Why an endpoint, given by its events, subscribes to a message, as a part of a sentence; undefined: it does not. */
export const subscriptionsTo = (accepted: Accepted, organizationEvents: readonly RecordedEvent<OrganizationEvent>[]) => {
  const kind = kindThen(accepted, organizationEvents);
  return (endpointEvents: readonly RecordedEvent<EndpointEvent>[]): string | undefined => {
    const state = fold(endpoint, decidedOn(accepted, endpointEvents));
    if (state.exists !== 'yes') return undefined;
    const { settings, status } = state.configuration;
    const reason = routingReason(state.configuration, { ...accepted.data, ...kind });
    if (reason.result === 'not-subscribed' || reason.result === 'internal') return undefined;
    const passes = settings.filter === null ? '' : ', with a filter that lets it pass';
    return `subscribed to "${reason.subscription}"${passes}${status === 'PAUSED' ? ', but paused, so that it waits' : ''}`;
  };
};

/** @param events of the message's organization, and of `default` */
const kindThen = (accepted: Accepted, events: readonly RecordedEvent<OrganizationEvent>[]): TypeKind => {
  const { organizationId, type } = accepted.data;
  const then = decidedOn(accepted, events);
  const [own, installation] = [organizationId, defaultOrganization].map((id) =>
    fold(
      organization,
      then.filter(({ stream }) => stream === organizationStream(id)),
    ),
  );
  return kindIn(own ?? organization.initial, installation ?? organization.initial, type);
};

/** Undefined: the endpoint did not exist. */
const reasonThen = (state: Endpoint, { data }: Accepted, kind: TypeKind): RoutingReason | undefined =>
  state.exists === 'yes' ? routingReason(state.configuration, { ...data, ...kind }) : undefined;

const routingBy = (reason: RoutingReason | undefined): Routing =>
  reason?.result === 'sent' ? 'SENT' : reason?.result === 'skipped' ? 'SKIPPED' : 'NOT_ROUTED';

/**
 * @param events all of the endpoint, of the organization, and of the delivery, if there is one
 * @param hidesValues the sentence does not repeat values of the message's data
 */
export const explainRouting = (
  accepted: Accepted,
  endpointId: EndpointId,
  events: {
    readonly endpoint: readonly RecordedEvent<EndpointEvent>[];
    readonly organization: readonly RecordedEvent<OrganizationEvent>[];
    readonly delivery: readonly RecordedEvent<DeliveryEvent>[];
  },
  hidesValues = false,
): RoutingExplanation => {
  const { type, destinations, skipped, routedAt, test } = accepted.data;
  const then = decidedOn(accepted, events.endpoint);
  const state = fold(endpoint, then);
  const name = nameOf(state, events.endpoint);
  const recorded: Routing = destinations.some((each) => each.endpointId === endpointId)
    ? 'SENT'
    : skipped.includes(endpointId)
      ? 'SKIPPED'
      : 'NOT_ROUTED';
  const kind = kindThen(accepted, events.organization);
  const reason = reasonThen(state, accepted, kind);
  // A test goes only to the endpoint that the person named, whatever its subscription.
  const expected = test ? recorded : routingBy(reason);
  const agrees = recorded === expected;
  const why = test ? testSentence(recorded, name) : sentenceOf(state, reason, { name, type, group: kind.group, hidesValues });
  const doubt = agrees ? '' : ` But the log has recorded ${recorded}, which these rules do not lead to.`;
  return {
    text: `${why}${doubt}${sentLater(recorded, events.delivery)}`,
    recorded,
    expected,
    agrees,
    routedAt,
    revision: then.at(-1)?.revision,
    subscription: reason && 'subscription' in reason ? reason.subscription : null,
    failedConditions: reason?.result === 'filtered-out' ? reason.failed : [],
  };
};

/** A replay also sends messages that were not routed there, and the caller may have seen one arrive. */
const sentLater = (recorded: Routing, [first]: readonly RecordedEvent<DeliveryEvent>[]): string =>
  recorded !== 'SENT' && first?.type === 'delivery.replay-requested'
    ? ` The replay ${first.data.replayId} sent it there later, at ${first.recordedAt}.`
    : '';

/** As it was called then; else as it was called at first. */
const nameOf = (state: Endpoint, [first]: readonly RecordedEvent<EndpointEvent>[]): string => {
  if (state.exists === 'yes') return `"${state.configuration.settings.name}"`;
  return first?.type === 'endpoint.registered' ? `"${first.data.name}"` : 'The endpoint';
};

const testSentence = (recorded: Routing, name: string) =>
  recorded === 'SENT'
    ? `A person's test sent it to ${name}, whatever that subscribes to.`
    : `It is a test of another endpoint than ${name}.`;

type RoutedHere = { readonly name: string; readonly type: string; readonly group: string; readonly hidesValues: boolean };

const sentenceOf = (state: Endpoint, reason: RoutingReason | undefined, { name, type, group, hidesValues }: RoutedHere): string => {
  if (state.exists === 'no-more') return `${name} had been deleted when the message was accepted.`;
  if (state.exists === 'not-yet' || !reason) return `${name} was not registered yet when the message was accepted.`;
  const { status, settings } = state.configuration;
  if (reason.result === 'not-subscribed')
    return `${name} subscribed to ${settings.eventTypes.map((entry) => `"${entry}"`).join(', ')}, none of which is "${type}" or its group "${group}".`;
  const subscribed = `${name} subscribed to it by "${reason.subscription}"`;
  if (reason.result === 'internal') return `${subscribed}, but it is internal, and a portal session had decided where the endpoint points.`;
  if (reason.result === 'filtered-out')
    return `${subscribed}, but its filter did not let it pass: ${conditionSentences(reason.failed, hidesValues)}.`;
  const passed = settings.filter === null ? subscribed : `${subscribed}, and its filter let it pass`;
  if (reason.result === 'skipped') return `${passed}, but it was disabled: the message was skipped.`;
  return status === 'PAUSED' ? `${passed}. It was paused, so that the delivery waited.` : `${passed}.`;
};

/** What would become of a message at an endpoint as it is now, in a sentence. */
export const presentReason = (
  { status, settings }: EndpointConfiguration,
  reason: RoutingReason,
  { type, group }: { readonly type: string; readonly group: string },
): string => {
  const name = `"${settings.name}"`;
  if (reason.result === 'not-subscribed')
    return `${name} subscribes to ${settings.eventTypes.map((entry) => `"${entry}"`).join(', ')}, none of which is "${type}" or its group "${group}".`;
  const subscribed = `${name} subscribes to it by "${reason.subscription}"`;
  if (reason.result === 'internal') return `${subscribed}, but it is internal, and a portal session has decided where the endpoint points.`;
  if (reason.result === 'filtered-out')
    return `${subscribed}, but its filter does not let it pass: ${conditionSentences(reason.failed, false)}.`;
  const passes = settings.filter === null ? subscribed : `${subscribed}, and its filter lets it pass`;
  if (reason.result === 'skipped') return `${passes}, but it is disabled: the message would be skipped.`;
  return status === 'PAUSED' ? `${passes}. It is paused: the delivery would wait.` : `${passes}.`;
};

const conditionSentences = (failed: readonly FailedCondition[], hidesValues: boolean): string =>
  failed.map((condition) => (hidesValues ? `\`${condition.path}\` does not fit` : conditionSentence(condition))).join('; ');

const conditionSentence = ({ path, asks, found }: FailedCondition): string => {
  if (path === '$or' || path.endsWith('.$or')) return `none of the alternatives of \`${path}\` holds`;
  if (path === '$not' || path.endsWith('.$not')) return `what \`${path}\` excludes is so: ${JSON.stringify(asks)}`;
  return `\`${path}\` ${found === undefined ? 'is missing' : `is ${JSON.stringify(found)}`}, and it asks for ${JSON.stringify(asks)}`;
};
