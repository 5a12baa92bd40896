// The pace of a bulk retry: how many deliveries each of its endpoints may be given now. An endpoint that has got through what it was given gets twice as
// many the next time. One that has more than half of it left gets nothing, and fewer later: so what waits is about what it gets through between two looks.
import type { EndpointId } from '../domain/ids.ts';

const firstPage = 50;
const smallestPage = 16;
export const largestPage = 1_000;

export class BulkRetryPace {
  private readonly pages = new Map<EndpointId, number>();

  constructor(endpoints: readonly EndpointId[]) {
    for (const id of endpoints) this.pages.set(id, firstPage);
  }

  /** The endpoints that have not finished. */
  get size(): number {
    return this.pages.size;
  }

  /** All of them, so many at a time. */
  *rounds(most: number): Generator<readonly EndpointId[]> {
    const all = [...this.pages.keys()];
    for (let at = 0; at < all.length; at += most) yield all.slice(at, at + most);
  }

  /** @param backlog the endpoint's attempts that wait or are under way */
  room(id: EndpointId, backlog: number): number {
    const page = this.pages.get(id) ?? firstPage;
    if (backlog === 0) {
      this.pages.set(id, Math.min(2 * page, largestPage));
      return page;
    }
    if (backlog <= page / 2) return page - backlog;
    this.pages.set(id, Math.max(smallestPage, Math.ceil((3 * page) / 4)));
    return 0;
  }

  finished(id: EndpointId): void {
    this.pages.delete(id);
  }
}
