// A queue in which keys take turns, however much each of them has queued: weighted round robin. Work of one key keeps its order. And one in which groups
// of keys take turns first, and the keys of each group within it.

type Waiting<T> = { readonly weight: number; readonly item: T };
type Line<T> = {
  readonly waiting: Waiting<T>[];
  /** What the key may still take in this turn, and has left from earlier ones. */
  credit: number;
};

type MayGo = (key: string, weight: number) => boolean;

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
  take(mayGo: MayGo): T | undefined {
    const next = this.next(mayGo);
    return next && this.takeFirst(...next);
  }

  /** The weight of what `take` would give. */
  nextWeight(mayGo: MayGo): number | undefined {
    const [, line] = this.next(mayGo) ?? [];
    return line?.waiting[0]?.weight;
  }

  private next(mayGo: MayGo): [key: string, line: Line<T>] | undefined {
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
        if (first.weight <= line.credit) return [key, line];
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

type Group<T> = {
  readonly queue: FairQueue<T>;
  /** As of a line. */
  credit: number;
};

export class FairGroups<T> {
  /** The group whose turn it is comes first. */
  private readonly groups = new Map<string, Group<T>>();
  private size = 0;

  constructor(
    private readonly perTurn: number,
    private readonly groupOf: (key: string) => string,
  ) {}

  get length(): number {
    return this.size;
  }

  lengthOf(key: string): number {
    return this.queueOf(key)?.lengthOf(key) ?? 0;
  }

  /** The next of a key, whenever its turn comes. */
  first(key: string): T | undefined {
    return this.queueOf(key)?.first(key);
  }

  push(key: string, weight: number, item: T): void {
    const name = this.groupOf(key);
    let group = this.groups.get(name);
    if (!group) this.groups.set(name, (group = { queue: new FairQueue(this.perTurn), credit: 0 }));
    group.queue.push(key, weight, item);
    this.size++;
  }

  /** As of a queue: of the group whose turn it is. */
  take(mayGo: MayGo): T | undefined {
    for (let canLater = true; canLater;) {
      canLater = false;
      for (const [name, group] of this.groups) {
        const weight = group.queue.nextWeight(mayGo);
        if (weight === undefined) continue;
        if (weight > group.credit) {
          group.credit += this.perTurn;
          canLater = true;
          if (weight > group.credit) this.moveToEnd(name, group);
        }
        if (weight <= group.credit) return this.takeFrom(name, group, weight, mayGo);
      }
    }
    return undefined;
  }

  remove(matches: (item: T) => boolean): readonly T[] {
    const removed: T[] = [];
    for (const [name, { queue }] of this.groups) {
      removed.push(...queue.remove(matches));
      if (queue.length === 0) this.groups.delete(name);
    }
    this.size -= removed.length;
    return removed;
  }

  private takeFrom(name: string, group: Group<T>, weight: number, mayGo: MayGo): T | undefined {
    const item = group.queue.take(mayGo);
    if (item !== undefined) this.size--;
    group.credit -= weight;
    if (group.queue.length === 0) this.groups.delete(name);
    else if (group.credit < 1) this.moveToEnd(name, group);
    return item;
  }

  private queueOf(key: string): FairQueue<T> | undefined {
    return this.groups.get(this.groupOf(key))?.queue;
  }

  private moveToEnd(name: string, group: Group<T>): void {
    this.groups.delete(name);
    this.groups.set(name, group);
  }
}
