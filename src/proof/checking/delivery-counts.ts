// Counts how many deliveries were routed to each endpoint, and how they ended.
import type { Attempts } from '../../domain/attempts.ts';
import type { EndpointId } from '../../domain/ids.ts';

export type DeliveryCounts = { readonly routed: number; readonly succeeded: number; readonly failed: number; readonly cancelled: number };
type Mutable = { -readonly [K in keyof DeliveryCounts]: DeliveryCounts[K] };

export const noDeliveries: DeliveryCounts = { routed: 0, succeeded: 0, failed: 0, cancelled: 0 };

export const openIn = ({ routed, succeeded, failed, cancelled }: DeliveryCounts): number => routed - succeeded - failed - cancelled;

export const addCounts = (a: DeliveryCounts, b: DeliveryCounts): DeliveryCounts => ({
  routed: a.routed + b.routed,
  succeeded: a.succeeded + b.succeeded,
  failed: a.failed + b.failed,
  cancelled: a.cancelled + b.cancelled,
});

export class CountsByEndpoint {
  readonly counts = new Map<EndpointId, Mutable>();

  routed(endpointId: EndpointId): void {
    this.of(endpointId).routed += 1;
  }

  /** Moves `size` deliveries from one status to another. */
  moved(endpointId: EndpointId, size: number, from: Attempts['status'], to: Attempts['status']): void {
    if (from === to) return;
    const counts = this.of(endpointId);
    if (from !== 'pending') counts[from] -= size;
    if (to !== 'pending') counts[to] += size;
  }

  private of(endpointId: EndpointId): Mutable {
    let counts = this.counts.get(endpointId);
    if (!counts) this.counts.set(endpointId, (counts = { ...noDeliveries }));
    return counts;
  }
}
