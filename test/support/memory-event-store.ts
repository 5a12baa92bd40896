// The port in memory, for tests that need a log but not its durability.
import type { ConfigurationEvent, DomainEvent } from '../../src/domain/catalog.ts';
import type { Position } from '../../src/domain/ids.ts';
import { categoryOf } from '../../src/domain/streams.ts';
import {
  configurationCategories,
  UndecodableEvent,
  WrongExpectedRevision,
  type Appended,
  type EventStore,
  type NewEvent,
  type RecordedEvent,
  type Write,
} from '../../src/event-store/event-store.ts';

const isConfiguration = (event: RecordedEvent): event is RecordedEvent<ConfigurationEvent> =>
  configurationCategories.some((category) => categoryOf(event.stream) === category);

export class MemoryEventStore implements EventStore {
  readonly log: RecordedEvent[] = [];
  /** Thrown by `follow` when it comes to this position. */
  undecodable: { readonly position: Position; readonly error: Error } | undefined;
  private readonly wake = new Set<() => void>();

  constructor(private readonly now: () => Date = () => new Date()) {}

  /** Appends without asking for a revision; returns the last position. */
  record(...events: readonly { stream: string; event: DomainEvent; at?: Date }[]): Position {
    for (const { stream, event, at } of events) this.push(stream, { ...event, id: crypto.randomUUID(), metadata: { actor: 'test' } }, at);
    for (const wake of this.wake) wake();
    return this.log.at(-1)?.position as Position;
  }

  async append(writes: readonly Write[]): Promise<readonly Appended[]> {
    const conflicts = writes
      .map(({ stream, expectedRevision }) => ({ stream, expected: expectedRevision, actual: this.revision(stream) }))
      .filter(({ expected, actual }) => expected !== actual);
    if (conflicts.length > 0) throw new WrongExpectedRevision(conflicts);
    const appended = writes.map(({ stream, events }) => {
      for (const event of events) this.push(stream, event);
      const { revision, position } = this.log.at(-1) as RecordedEvent;
      return { revision, position, deduplicated: false };
    });
    for (const wake of this.wake) wake();
    return appended;
  }

  async readStream(stream: string, { from = 0, upTo = Infinity } = {}): Promise<readonly RecordedEvent[]> {
    return this.log.filter((event) => event.stream === stream && event.revision >= from && event.revision <= upTo);
  }

  async *follow(after: Position | undefined, { signal, batchSize = 500 }: { signal: AbortSignal; batchSize?: number }) {
    let next = after === undefined ? 0 : Number(after);
    while (!signal.aborted) {
      const stop = this.log.findIndex(({ position }, i) => i >= next && position === this.undecodable?.position);
      const batch = this.log.slice(next, Math.min(next + batchSize, stop < 0 ? Infinity : stop));
      next += batch.length;
      if (batch.length > 0) yield batch;
      else if (stop >= 0) throw this.undecodable?.error as Error;
      else await this.more(signal);
    }
  }

  /** Gives `undecodable` in the place of the event at its position. */
  async *followConfiguration(after: Position | undefined, { signal }: { signal: AbortSignal }) {
    let next = after === undefined ? 0 : Number(after);
    for (let isEndToldOf = false; !signal.aborted;) {
      const batch = this.log.slice(next).filter(isConfiguration);
      next = this.log.length;
      const { undecodable } = this;
      const error = undecodable?.error instanceof UndecodableEvent ? undecodable.error : undefined;
      if (batch.length > 0) yield batch.map((event) => (error && event.position === undecodable?.position ? error : event));
      else if (isEndToldOf) await this.more(signal);
      else yield [];
      isEndToldOf ||= batch.length === 0;
    }
  }

  async tip(): Promise<Position | undefined> {
    return this.log.at(-1)?.position;
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  private revision(stream: string): number | 'no-stream' {
    return this.log.findLast((event) => event.stream === stream)?.revision ?? 'no-stream';
  }

  private push(stream: string, event: NewEvent, at = this.now()): void {
    const revision = this.revision(stream);
    const position = String(this.log.length + 1).padStart(12, '0') as Position;
    this.log.push({ ...event, stream, revision: revision === 'no-stream' ? 0 : revision + 1, position, recordedAt: at.toISOString() });
  }

  private more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.wake.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.wake.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}
