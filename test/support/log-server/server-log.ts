// The data of the double of a log server: streams, the whole log, and the rules of appending, as in the server's source (IndexWriter.CheckCommit).
// Payloads stay bytes, outside of the heap.

export type Proposed = {
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};
export type Recorded = Proposed & {
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  /** In ticks of 100 ns since 1970. */
  readonly created: bigint;
};
export type Expected = bigint | 'no-stream' | 'any' | 'stream-exists';

export type Outcome =
  | { readonly kind: 'written' | 'repeated'; readonly revision: bigint; readonly position: bigint }
  | { readonly kind: 'wrong'; readonly current: bigint | undefined }
  | { readonly kind: 'deleted' };

type Stream = { readonly events: Recorded[]; readonly first: bigint; softDeleted: boolean; tombstoned: boolean; truncateBefore: bigint };

/** The server writes a record of its own after this many records. */
const statisticsEvery = 50;

export class ServerLog {
  readonly records: Recorded[] = [];
  private readonly streams = new Map<string, Stream>();
  private readonly ids = new Map<string, Recorded>();
  private readonly waiting = new Set<() => void>();
  /** The position of the next record. Positions have gaps and are too large for a JavaScript number. */
  private next = 9_007_199_254_740_993n;
  /** How far the server's clock is ahead. */
  clockAheadMs = 0;

  constructor() {
    this.writeOwn('$scavenges');
    this.writeOwn('$users');
  }

  append(name: string, expected: Expected, events: readonly Proposed[]): Outcome {
    const stream = this.streams.get(name);
    if (stream?.tombstoned) return { kind: 'deleted' };
    const current = stream === undefined ? -1n : lastOf(stream);
    const wrong: Outcome = { kind: 'wrong', current: current === -1n ? undefined : current };
    if (expected === 'any' || expected === 'stream-exists') {
      if (expected === 'stream-exists' && (current < 0n || stream?.softDeleted)) return wrong;
      const found = events.map(({ id }) => this.ids.get(id)).filter((event) => event?.stream === name);
      const end = found.at(-1);
      if (end && found.length === events.length) return { kind: 'repeated', revision: end.revision, position: end.position };
      if (found.length > 0) return wrong;
      return this.write(name, events);
    }
    const revision = expected === 'no-stream' ? -1n : expected;
    if (revision > current) return wrong;
    if (revision === current) return this.write(name, events);
    let end: Recorded | undefined;
    for (const [i, { id }] of events.entries()) {
      end = stream?.events[Number(revision + 1n - stream.first) + i];
      if (end?.id === id) continue;
      if (i === 0 && expected === 'no-stream' && stream?.softDeleted) return this.write(name, events);
      return wrong;
    }
    return end ? { kind: 'repeated', revision: end.revision, position: end.position } : wrong;
  }

  /** Returns undefined if there is no such stream. */
  read(name: string): readonly Recorded[] | 'deleted' | undefined {
    const stream = this.streams.get(name);
    if (stream?.tombstoned) return 'deleted';
    if (!stream || stream.softDeleted) return undefined;
    return stream.events.filter(({ revision }) => revision >= stream.truncateBefore);
  }

  /** The index of the first record at or after a position. */
  indexOf(position: bigint): number {
    let [low, high] = [0, this.records.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.records[middle]?.position ?? 0n) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  softDelete(name: string): void {
    const stream = this.streams.get(name);
    if (stream) Object.assign(stream, { softDeleted: true, truncateBefore: lastOf(stream) + 1n });
    this.writeOwn(`$$${name}`);
  }

  /** The last events are gone, as after a restore from an older backup. */
  loseTail(count: number): void {
    for (let lost = 0; lost < count;) {
      const record = this.records.pop();
      if (!record) return;
      const stream = this.streams.get(record.stream);
      stream?.events.pop();
      if (stream?.events.length === 0) this.streams.delete(record.stream);
      this.ids.delete(record.id);
      this.next = record.position;
      if (!record.stream.startsWith('$')) lost++;
    }
  }

  tombstone(name: string): void {
    const stream = this.streams.get(name);
    if (stream) stream.tombstoned = true;
  }

  /** Changes or removes (undefined) an event, which a real server allows nobody. @returns a function that repairs it */
  damage(name: string, revision: bigint, change: Partial<Recorded> | undefined): () => void {
    const stream = this.streams.get(name);
    const found = stream?.events.find((event) => event.revision === revision);
    if (!stream || !found) throw new Error(`There is no revision ${revision} of ${name} to damage.`);
    const mends = [stream.events, this.records].map((list) => {
      const index = list.indexOf(found);
      list.splice(index, 1, ...(change ? [{ ...found, ...change }] : []));
      return () => list.splice(index, change ? 1 : 0, found);
    });
    return () => mends.forEach((mend) => mend());
  }

  /** Calls back once, when records have been added. */
  whenGrown(grown: () => void): void {
    this.waiting.add(grown);
  }

  private write(name: string, events: readonly Proposed[]): Outcome {
    const stream = this.streams.get(name) ?? { events: [], first: 0n, softDeleted: false, tombstoned: false, truncateBefore: 0n };
    this.streams.set(name, stream);
    stream.softDeleted = false;
    let last: Recorded | undefined;
    for (const event of events) {
      const created = BigInt(Date.now() + this.clockAheadMs) * 10_000n;
      last = { ...event, stream: name, revision: lastOf(stream) + 1n, position: this.next, created };
      this.next += BigInt(last.data.length + last.metadata.length + name.length + 120);
      stream.events.push(last);
      this.records.push(last);
      this.ids.set(last.id, last);
    }
    if (!name.startsWith('$') && this.records.length % statisticsEvery === 0) this.writeOwn('$stats-127.0.0.1:2113');
    const waiting = Array.from(this.waiting);
    this.waiting.clear();
    for (const grown of waiting) grown();
    return { kind: 'written', revision: last?.revision ?? -1n, position: last?.position ?? -1n };
  }

  private writeOwn(stream: string): void {
    const none = new Uint8Array();
    this.write(stream, [{ id: crypto.randomUUID(), type: '$statsCollected', isJson: true, data: Buffer.from('{}'), metadata: none }]);
  }
}

const lastOf = ({ events, first }: Stream) => first + BigInt(events.length) - 1n;
