// A queue in which keys take turns, however much each of them has queued: weighted round robin. Work of one key keeps its order.

type Waiting<T> = { readonly weight: number; readonly item: T };
type Line<T> = {
  readonly waiting: Waiting<T>[];
  /** What the key may still take in this turn, and has left from earlier ones. */
  credit: number;
};

export class FairQueue<T> {
  /** The key whose turn it is comes first. */
  private readonly lines = new Map<string, Line<T>>();
  private size = 0;

  constructor(
    /** The weight that a key may take in one turn. What weighs more takes several turns. */
    private readonly perTurn: number,
  ) {}

  get length(): number {
    return this.size;
  }

  lengthOf(key: string): number {
    return this.lines.get(key)?.waiting.length ?? 0;
  }

  /** The next of a key, whenever its turn comes. */
  first(key: string): T | undefined {
    return this.lines.get(key)?.waiting[0]?.item;
  }

  push(key: string, weight: number, item: T): void {
    const line = this.lines.get(key);
    if (line) line.waiting.push({ weight, item });
    else this.lines.set(key, { waiting: [{ weight, item }], credit: 0 });
    this.size++;
  }

  /** The next item of the key whose turn it is, of those that may go. The others keep their places. */
  take(mayGo: (key: string, weight: number) => boolean): T | undefined {
    for (let canLater = true; canLater;) {
      canLater = false;
      for (const [key, line] of this.lines) {
        const [first] = line.waiting;
        if (!first || !mayGo(key, first.weight)) continue;
        if (first.weight > line.credit) {
          line.credit += this.perTurn;
          canLater = true;
          if (first.weight > line.credit) this.moveToEnd(key, line);
        }
        if (first.weight <= line.credit) return this.takeFirst(key, line);
      }
    }
    return undefined;
  }

  /** Takes out all that `matches`, wherever it is. */
  remove(matches: (item: T) => boolean): readonly T[] {
    const removed: T[] = [];
    for (const [key, line] of this.lines) {
      const left = line.waiting.filter(({ item }) => !matches(item) || removed.push(item) === 0);
      if (left.length === line.waiting.length) continue;
      if (left.length === 0) this.lines.delete(key);
      else line.waiting.splice(0, Infinity, ...left);
    }
    this.size -= removed.length;
    return removed;
  }

  private takeFirst(key: string, line: Line<T>): T | undefined {
    const first = line.waiting.shift();
    if (!first) return undefined;
    this.size--;
    line.credit -= first.weight;
    const [next] = line.waiting;
    if (!next) this.lines.delete(key);
    else if (next.weight > line.credit) this.moveToEnd(key, line);
    return first.item;
  }

  private moveToEnd(key: string, line: Line<T>): void {
    this.lines.delete(key);
    this.lines.set(key, line);
  }
}
