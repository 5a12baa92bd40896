// Finds the tip of our log, the last of our events among those of other services and of the server itself. Reads backwards, and each time only
// what was not searched before.
import type { Position } from '../../domain/ids.ts';
import type { ClientThread } from './client-thread.ts';

/** The tip is nearly always on the first page. */
const firstPage = 16;
const largestPage = 4096;

export class TipFinder {
  readonly #prefixes: readonly string[];
  /** The last of our events up to a position of the whole log. */
  #searched: { readonly last: Position | undefined; readonly upTo: Position };

  /** @param begin none of our events comes before it */
  constructor(prefixes: readonly string[], begin: Position) {
    this.#prefixes = prefixes;
    this.#searched = { last: undefined, upTo: begin };
  }

  /** @throws CallFailed */
  async find(thread: ClientThread, timeoutMs: number): Promise<Position | undefined> {
    const { last, upTo } = this.#searched;
    let end: Position | undefined;
    let before: Position | undefined;
    for (let count = firstPage; ; count = Math.min(4 * count, largestPage)) {
      const page = await thread.findLast({ prefixes: this.#prefixes, before, after: upTo, count }, timeoutMs);
      end ??= page.newest;
      before = page.next;
      if (page.last === undefined && before !== undefined) continue;
      const found = page.last ?? last;
      if (end !== undefined && end > this.#searched.upTo) this.#searched = { last: found, upTo: end };
      return found;
    }
  }
}
