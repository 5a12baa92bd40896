// Where the log ends: the last of our events, among those of others and of the server itself. Found by reading backwards, each time only what was
// not looked at before.
import type { Position } from '../../domain/ids.ts';
import type { ClientThread } from './client-thread.ts';

/** Our last event is nearly always on the first page. */
const firstPage = 16;
const largestPage = 4096;

export class TipFinder {
  readonly #prefixes: readonly string[];
  /** The last of our events up to a place of the whole log. */
  #known: { readonly last: Position | undefined; readonly upTo: Position };

  /** @param begin nothing of ours stands before it */
  constructor(prefixes: readonly string[], begin: Position) {
    this.#prefixes = prefixes;
    this.#known = { last: undefined, upTo: begin };
  }

  /** @throws CallFailed */
  async find(thread: ClientThread, timeoutMs: number): Promise<Position | undefined> {
    const { last, upTo } = this.#known;
    let end: Position | undefined;
    let before: Position | undefined;
    for (let count = firstPage; ; count = Math.min(4 * count, largestPage)) {
      const page = await thread.findLast({ prefixes: this.#prefixes, before, after: upTo, count }, timeoutMs);
      end ??= page.newest;
      before = page.next;
      if (page.last === undefined && before !== undefined) continue;
      const found = page.last ?? last;
      if (end !== undefined && end > this.#known.upTo) this.#known = { last: found, upTo: end };
      return found;
    }
  }
}
