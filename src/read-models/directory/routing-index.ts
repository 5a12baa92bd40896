// The routing index of one organization: its endpoints' compiled matchers, indexed by event type. Intake routes by it.
// A property test holds it equal to `routeMessage` of domain/routing.ts.
import type { EndpointId, Position } from '../../domain/ids.ts';
import {
  routeInSteps,
  type EndpointMatcher,
  type RoutedContent,
  type RoutedMessage,
  type RoutingSteps,
  type TypeKind,
} from '../../domain/routing.ts';

/** Publishers choose the types, so the index is emptied when it reaches this many. */
const mostTypes = 10_000;

/** What it is reached by; compiled when it is asked for. */
type Routed = { readonly id: EndpointId; readonly matcher: EndpointMatcher };

export class RoutingIndex {
  /** In the order in which the endpoints were registered. */
  private readonly endpoints = new Map<EndpointId, Routed>();
  private readonly subscribers = new Map<string, readonly EndpointMatcher[]>();

  constructor(private readonly kindOf: (type: string) => TypeKind) {}

  /** Adds an endpoint, or replaces its configuration. */
  set(endpoint: Routed): void {
    this.endpoints.set(endpoint.id, endpoint);
    this.subscribers.clear();
  }

  delete(id: EndpointId): void {
    this.endpoints.delete(id);
    this.subscribers.clear();
  }

  /** Call when `kindOf` answers differently from now on. */
  kindsChanged(): void {
    this.subscribers.clear();
  }

  /** By the endpoints of this moment, however long the steps take. */
  route(type: string, message: RoutedContent, now: Date): RoutingSteps<RoutedMessage> {
    return routeInSteps(this.subscribersTo(type), message, now);
  }

  private subscribersTo(type: string): readonly EndpointMatcher[] {
    let subscribers = this.subscribers.get(type);
    if (!subscribers) {
      const kind = this.kindOf(type);
      subscribers = Array.from(this.endpoints.values(), ({ matcher }) => matcher).filter((each) => each.takes(type, kind));
      if (this.subscribers.size >= mostTypes) this.subscribers.clear();
      this.subscribers.set(type, subscribers);
    }
    return subscribers;
  }
}

/** A routing as it is recorded: with the position of the configuration that it was decided on. */
export type Routing = RoutedMessage & { readonly routedAt: Position };

export function* recordedWith(routedAt: Position, steps: RoutingSteps<RoutedMessage> | undefined): RoutingSteps<Routing> {
  return { ...(steps ? yield* steps : { destinations: [], skipped: [] }), routedAt };
}
