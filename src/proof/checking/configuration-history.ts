// The configuration at every position, to route messages again and to look up the retry policy of an attempt.
// Keeps in memory one version for each change of an endpoint or an event type.
import type { RetryPolicy } from '../../domain/attempts.ts';
import type { EndpointEvent } from '../../domain/endpoint-events.ts';
import { endpoint, type Endpoint, type EndpointConfiguration } from '../../domain/endpoint.ts';
import type { EndpointId, OrganizationId, Position } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import { kindOf } from '../../domain/organization.ts';
import type { Audience } from '../../domain/organization-events.ts';
import { EndpointMatcher, finish, routeInSteps } from '../../domain/routing.ts';
import { endpointIdIn, organizationIdIn } from '../../domain/streams.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { positionInLogOf } from '../../event-store/provenance.ts';
import { isEventOf } from './event-category.ts';

/** Where an event is, in this log and in those that it was copied from. */
type EventPosition = Pick<RecordedEvent, 'position' | 'copiedFrom'>;
type Message = RecordedEvent<MessageEvent>;

class EndpointVersion {
  private compiled: EndpointMatcher | undefined;

  constructor(
    readonly id: EndpointId,
    readonly at: EventPosition,
    /** Undefined if the endpoint was deleted. */
    readonly configuration: EndpointConfiguration | undefined,
  ) {}

  get matcher(): EndpointMatcher | undefined {
    if (this.configuration) this.compiled ??= new EndpointMatcher(this.id, this.configuration);
    return this.compiled;
  }
}

type TypeVersion = { readonly at: EventPosition; readonly group: string; readonly audience: Audience };
type Organization = {
  /** By revision. Unreadable events leave gaps. */
  readonly endpoints: Map<EndpointId, (EndpointVersion | undefined)[]>;
  readonly types: Map<string, TypeVersion[]>;
};

/** Publishers can invent any number of event types. */
const mostCached = 10_000;

/** The newest version at the position by which the message was routed. */
const versionWhenRouted = <V extends { readonly at: EventPosition }>(
  versions: readonly (V | undefined)[],
  message: Message,
): V | undefined =>
  versions.findLast((version) => {
    const position = version && positionInLogOf(message, version.at);
    return position !== undefined && position <= message.data.routedAt;
  });

export class ConfigurationHistory {
  /** Whether an endpoint ever asked for an order. */
  hasOrder = false;
  private readonly organizations = new Map<OrganizationId, Organization>();
  private readonly sharedTypes = new Map<string, TypeVersion[]>();
  private readonly owners = new Map<EndpointId, Organization>();
  private readonly states = new Map<EndpointId, Endpoint>();
  private readonly subscribers = new Map<string, readonly EndpointMatcher[]>();

  /** Takes events in log order. Ignores those that are not about endpoints or event types. */
  add(event: RecordedEvent): void {
    if (event.type === 'organization.event-type-defined') {
      const { name, group, shared, audience = 'PUBLIC' } = event.data;
      const types = shared ? this.sharedTypes : this.organization(organizationIdIn(event.stream)).types;
      types.set(name, [...(types.get(name) ?? []), { at: positionOf(event), group, audience }]);
    } else if (isEventOf(event, 'endpoint')) this.addEndpoint(endpointIdIn(event.stream), event);
  }

  /** An endpoint's retry policy at a revision of its stream; undefined if there is no such revision. */
  retryPolicy(id: EndpointId, revision: number): RetryPolicy | undefined {
    return this.owners.get(id)?.endpoints.get(id)?.[revision]?.configuration?.settings.retryPolicy;
  }

  /** Whether an ordering key waits for a delivery that is out of attempts, at a revision of the endpoint's stream. */
  holdsKeys(id: EndpointId, revision: number): boolean {
    return this.owners.get(id)?.endpoints.get(id)?.[revision]?.configuration?.settings.onExhausted === 'HOLD';
  }

  /** Whether the endpoint was registered in that organization, even if it is deleted since. */
  belongsTo(id: EndpointId, organizationId: OrganizationId): boolean {
    return this.owners.get(id) !== undefined && this.owners.get(id) === this.organizations.get(organizationId);
  }

  /** What is wrong with where a message went, as a sentence; undefined if nothing is. */
  findRoutingProblem(message: Message): string | undefined {
    const { data, position, copiedFrom } = message;
    const { destinations, skipped, routedAt, test } = data;
    if (routedAt !== '' && routedAt >= (copiedFrom?.[0] ?? position))
      return `It was routed at position ${routedAt}, which is not before its own.`;
    if (test) return this.findTestProblem(message);
    const expected = finish(routeInSteps(this.subscribersOf(message), data, new Date(message.recordedAt)));
    const actual = destinations.map(({ endpointId }) => endpointId);
    const routed = expected.destinations.map(({ endpointId }) => endpointId);
    if (!isSameList(actual, routed))
      return `It went to ${listed(actual)}; by the configuration at ${routedAt || 'the start'} it goes to ${listed(routed)}.`;
    if (!isSameList(skipped, expected.skipped))
      return `It skipped ${listed(skipped)}; by the configuration at ${routedAt || 'the start'} it skips ${listed(expected.skipped)}.`;
    const misplaced = destinations.find(({ ordering }, i) => ordering !== expected.destinations[i]?.ordering);
    if (misplaced)
      return `Against the configuration at ${routedAt || 'the start'}, its delivery to ${misplaced.endpointId} ${misplaced.ordering === undefined ? 'takes no turns' : `takes turns ${misplaced.ordering}`}.`;
    const waits = expected.destinations.map(({ notBefore }) => notBefore !== undefined);
    const untimely = destinations.find(({ notBefore }, i) => (notBefore !== undefined) !== waits[i]);
    if (untimely)
      return `Against the retry policy, its first attempt at ${untimely.endpointId} ${untimely.notBefore === undefined ? 'does not wait' : 'waits'}.`;
    // Older events do not tell the delay.
    const delayed = destinations.find(
      ({ delaySeconds }, i) => delaySeconds !== undefined && delaySeconds !== expected.destinations[i]?.delaySeconds,
    );
    return delayed && `Against the retry policy, its first attempt at ${delayed.endpointId} waits ${delayed.delaySeconds} s.`;
  }

  private findTestProblem(message: Message): string | undefined {
    const { destinations, skipped } = message.data;
    const [first, ...more] = destinations;
    if (!first || more.length > 0 || skipped.length > 0) return `A test goes to one endpoint; this one went to ${destinations.length}.`;
    const versions = this.owners.get(first.endpointId)?.endpoints.get(first.endpointId) ?? [];
    return versionWhenRouted(versions, message)?.configuration
      ? undefined
      : `It tested the endpoint ${first.endpointId}, which did not exist.`;
  }

  private subscribersOf(message: Message): readonly EndpointMatcher[] {
    const { organizationId, type, routedAt } = message.data;
    const key = `${organizationId} ${type} ${routedAt} ${message.copiedFrom?.length ?? 0}`;
    let subscribers = this.subscribers.get(key);
    if (!subscribers) {
      const { endpoints, types } = this.organization(organizationId);
      const own = versionWhenRouted(types.get(type) ?? [], message);
      const kind = kindOf(type, own ?? versionWhenRouted(this.sharedTypes.get(type) ?? [], message));
      subscribers = Array.from(endpoints.values()).flatMap((versions) => {
        const matcher = versionWhenRouted(versions, message)?.matcher;
        return matcher?.takes(type, kind) ? [matcher] : [];
      });
      if (this.subscribers.size >= mostCached) this.subscribers.clear();
      this.subscribers.set(key, subscribers);
    }
    return subscribers;
  }

  private addEndpoint(id: EndpointId, event: RecordedEvent<EndpointEvent>): void {
    const state = endpoint.evolve(this.states.get(id) ?? endpoint.initial, event);
    const owner = this.owners.get(id) ?? (event.type === 'endpoint.registered' ? this.organization(event.data.organizationId) : undefined);
    if (!owner) return;
    this.states.set(id, state);
    this.hasOrder ||= state.exists === 'yes' && state.configuration.settings.ordering !== 'NONE';
    this.owners.set(id, owner);
    const versions = owner.endpoints.get(id) ?? [];
    versions[event.revision] = new EndpointVersion(id, positionOf(event), state.exists === 'yes' ? state.configuration : undefined);
    owner.endpoints.set(id, versions);
  }

  private organization(id: OrganizationId): Organization {
    let organization = this.organizations.get(id);
    if (!organization) this.organizations.set(id, (organization = { endpoints: new Map(), types: new Map() }));
    return organization;
  }
}

const positionOf = ({ position, copiedFrom }: RecordedEvent): EventPosition => ({ position, ...(copiedFrom && { copiedFrom }) });
const isSameList = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((each, i) => each === b[i]);
const listed = (ids: readonly Position[] | readonly string[]) => (ids.length === 0 ? 'nobody' : ids.join(', '));
