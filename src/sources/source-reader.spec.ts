// Reading a source: one message for each event, whoever reads it, however often, and wherever it ends in between.
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryEventStore } from '../../test/support/memory-event-store.ts';
import { organizationId } from '../../test/support/samples.ts';
import { CommandExecutor } from '../commands/command-executor.ts';
import { IntakeQueue } from '../commands/intake-queue.ts';
import { PublishMessagesHandler, type PublishMessages } from '../commands/publish-messages.ts';
import { NotEvaluated } from '../delivery/formats/format-error.ts';
import type { Position, SourceId } from '../domain/ids.ts';
import type { JsonObject } from '../domain/json.ts';
import type { ReadingEvent } from '../domain/reading.ts';
import { ownOnly, type SourceConfiguration, type SourceSettings } from '../domain/source.ts';
import { LogUnavailable, type EventStore, type RecordedEvent } from '../event-store/event-store.ts';
import { ForeignEvents, type ForeignEvent } from '../event-store/foreign-events.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import type { SourceView } from '../read-models/queries/source-queries.ts';
import { SourceReader, type ReaderOptions, type SourceParts } from './source-reader.ts';
import { waitFor } from '../../test/support/wait-for.ts';

const placeOf = (n: number) => String(n).padStart(6, '0') as Position;
const id = '0d8f3f1e-7a55-4c62-9a0e-6f0d9f0e5a11' as SourceId;

/** A server's log in memory. Every tenth event is of a type that no message can have. */
class Server extends ForeignEvents {
  readonly unavailable = undefined;
  readonly log: ForeignEvent[] = [];
  private grown = Promise.withResolvers<void>();

  write(count: number, changed: Partial<ForeignEvent> = {}): void {
    for (let i = 0; i < count; i++) {
      const n = this.log.length + 1;
      const type = n % 10 === 0 ? 'Odd one' : 'OrderPlaced';
      const place = { stream: 'order-1', revision: n - 1, position: placeOf(n), recordedAt: '2026-01-15T10:30:00.000Z' };
      this.log.push({ id: `event-${n}`, type, ...place, data: JSON.stringify({ n }), ...changed });
    }
    this.grown.resolve();
    this.grown = Promise.withResolvers();
  }
  /** The same events, as another process gets them. */
  inBatchesOf(size: number): ForeignEvents {
    const follow: ForeignEvents['follow'] = (after, options) => this.follow(after, { ...options, batchSize: size });
    return Object.assign(Object.create(this) as Server, { follow });
  }
  refusal(): undefined {}
  async end() {
    return placeOf(this.log.length);
  }
  async *follow(after: Position | null, { signal, batchSize }: { signal: AbortSignal; batchSize: number }) {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    for (let next = Number(after ?? 0); !signal.aborted;) {
      const events = this.log.slice(next, next + batchSize);
      next += events.length;
      if (events.length > 0) yield { events, through: placeOf(next) };
      else await Promise.race([this.grown.promise, aborted]);
    }
  }
}

/** What a reader has around it in one process; when that is killed, nothing it calls comes back. */
class Process {
  alive = true;
  readonly reader: SourceReader;
  readonly published: string[] = [];

  constructor(source: SourceView, server: Server, log: MemoryEventStore, parts: Partial<SourceParts> = {}, options: ReaderOptions = {}) {
    const never = new Promise<never>(() => {});
    const alive = async <T>(work: () => Promise<T>): Promise<T> => {
      await Promise.resolve();
      if (!this.alive) return never;
      const result = await work();
      return this.alive ? result : never;
    };
    const store = {
      readStream: (...of: Parameters<EventStore['readStream']>) => alive(() => log.readStream(...of)),
      append: (...of: Parameters<EventStore['append']>) => alive(() => log.append(...of)),
    } as EventStore; // all that the ledger calls
    const executor = new CommandExecutor(store);
    const directory = {
      requireActive: () => undefined,
      organizations: { limitsOf: () => undefined },
      // oxlint-disable-next-line require-yield -- routing among no endpoints takes no steps
      *route() {
        return { destinations: [], skipped: [], routedAt: placeOf(0) };
      },
    };
    const handler = new PublishMessagesHandler(executor, directory as unknown as EndpointDirectory, new IntakeQueue()); // all that it calls
    const commands = { execute: (command: PublishMessages) => handler.execute(command) } as SourceParts['commands'];
    const organizations = { problem: async () => undefined };
    const quiet = { info: () => {}, warn: () => {} };
    const own = { foreign: server, store, executor, commands, evaluate: async () => null, log: quiet, count: () => {}, organizations };
    this.reader = new SourceReader(source, { ...own, ...parts }, { recordEveryMs: 0, firstRecordMs: 0, retryMs: 1, ...options });
    this.reader.start();
  }
}

let server: Server;
let log: MemoryEventStore;
const running: Process[] = [];
beforeEach(() => {
  server = new Server();
  log = new MemoryEventStore();
});
const stopAll = async () => {
  for (const { alive, reader } of running.splice(0)) if (alive) await reader.stop();
};
afterEach(stopAll);

const settings: SourceSettings = {
  name: 'Orders',
  streams: { by: 'CATEGORY', value: 'order' },
  eventTypes: [],
  types: {},
  template: null,
  ...ownOnly,
};
const viewOf = (changed: Partial<SourceSettings> = {}, more: Partial<SourceConfiguration> = {}): SourceView => ({
  id,
  configuration: { organizationId, status: 'ENABLED', after: null, settings: { ...settings, ...changed }, ...more },
  createdAt: '',
  updatedAt: '',
  reading: null,
});
const start = (view = viewOf(), parts: Partial<SourceParts> = {}, options: ReaderOptions = {}) => {
  const process = new Process(view, server, log, parts, options);
  running.push(process);
  return process;
};
const messages = () =>
  log.log.filter(({ type }) => type === 'message.accepted') as RecordedEvent<Extract<RecordedEvent, { type: 'message.accepted' }>>[];
const ofReading = () => log.log.filter(({ stream }) => stream === `reading-${id}`) as RecordedEvent<ReadingEvent>[];
const skipped = () =>
  ofReading().flatMap(({ type, data }) => (type === 'reading.event-skipped' ? [data as { id: string; reason: string }] : []));
const recorded = () => ofReading().findLast(({ type }) => type === 'reading.advanced')?.data;
const settled = (count = server.log.length) => waitFor(() => expect(recorded()).toMatchObject({ position: placeOf(count) }));

describe('a source', () => {
  it('has one message for each event, in its order, under its id, and what became none is recorded with the reason', async () => {
    server.write(250);
    start();
    await settled();
    expect(messages().map(({ data }) => data.clientId)).toEqual(
      server.log.filter(({ type }) => type === 'OrderPlaced').map((event) => event.id),
    );
    expect(messages()[0]?.metadata).toEqual({ actor: 'system:source:Orders', correlationId: id, causationId: 'event-1' });
    expect(skipped().map((event) => event.id)).toEqual(Array.from({ length: 25 }, (_, i) => `event-${(i + 1) * 10}`));
    expect(skipped()[0]?.reason).toMatch(/"Odd one" can't be the type of a message/);
    expect(recorded()).toEqual({ position: placeOf(250), published: 225, skipped: 25 });
  });

  it('begins after its place, and takes the types that are named, no others', async () => {
    server.write(20);
    start(viewOf({ eventTypes: ['OrderPlaced'] }, { after: placeOf(15) }));
    await settled();
    expect(messages().map(({ data }) => data.clientId)).toEqual(['event-16', 'event-17', 'event-18', 'event-19']);
    expect(recorded()).toEqual({ position: placeOf(20), published: 4, skipped: 0 });
  });

  it('goes on where it was recorded to stand, from what the views know and what came after', async () => {
    server.write(20);
    const first = start();
    await settled();
    await first.reader.stop();
    const seen = ofReading()[0];
    server.write(20);
    const view = { ...viewOf(), reading: { revision: seen?.revision ?? 0, position: placeOf(1), published: 0, skipped: 0 } };
    start(view);
    await settled();
    expect(messages()).toHaveLength(36);
    expect(recorded()).toEqual({ position: placeOf(40), published: 36, skipped: 4 });
  });

  it('counts an event that was published under another mapping, and skips one that somebody else took', async () => {
    server.write(5);
    const first = start(viewOf(), {}, { firstRecordMs: 60_000 });
    await waitFor(() => expect(messages()).toHaveLength(5));
    first.alive = false; // before anything of it was recorded
    start(viewOf({ types: { OrderPlaced: 'order.placed' } }));
    await settled();
    expect(messages().map(({ data }) => data.type)).toEqual(Array.from({ length: 5 }, () => 'OrderPlaced'));
    expect(recorded()).toEqual({ position: placeOf(5), published: 5, skipped: 0 });

    const other = { ...viewOf({ types: { OrderPlaced: 'other' } }), id: 'another' as SourceId };
    start(other);
    await waitFor(() => expect(log.log.findLast(({ stream }) => stream === 'reading-another')?.data).toMatchObject({ skipped: 5 }));
    const left = log.log.find(({ stream }) => stream === 'reading-another');
    expect(left?.data).toMatchObject({ id: 'event-1', reason: expect.stringMatching(/was accepted before with other content/) as string });
  });

  it('waits for templates that are not evaluated just now, and skips what one fails at', async () => {
    server.write(3);
    let refusals = 3;
    const evaluate = async (_: string, __: string, { data }: { data: unknown }): Promise<JsonObject> => {
      if (refusals-- > 0) throw new NotEvaluated('The template was not evaluated.');
      return data as JsonObject;
    };
    start(viewOf({ template: 'data' }), { evaluate });
    await settled();
    expect(recorded()).toEqual({ position: placeOf(3), published: 3, skipped: 0 });
  });

  it('waits for a log that is away, says so, and goes on', async () => {
    server.write(30);
    const append = vi.spyOn(log, 'append');
    for (let i = 0; i < 5; i++) append.mockRejectedValueOnce(new LogUnavailable('The log is away.', 0.001));
    const { reader } = start();
    await settled();
    expect(messages()).toHaveLength(27);
    expect(messages().map(({ data }) => data.clientId)).toEqual(
      Array.from({ length: 30 }, (_, i) => `event-${i + 1}`).filter((_, i) => i % 10 !== 9),
    );
    expect(reader.status().error).toBeUndefined();
  });

  it('says why it does not go on in a log that was copied', async () => {
    server.write(5);
    start();
    await settled();
    for (const event of log.log) Object.assign(event, { copiedFrom: [placeOf(1)] });
    const { reader } = start();
    await waitFor(() => expect(reader.status().error).toMatch(/The log was copied.*Delete the source and create it again/));
  });

  it('has one message for each event and counts each once, wherever processes are killed, and when two read it at a time', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ events: fc.nat(60), turns: fc.nat(40), both: fc.boolean() }), { minLength: 1, maxLength: 8 }),
        async (steps) => {
          server = new Server();
          log = new MemoryEventStore();
          for (const { events, turns, both } of steps) {
            server.write(events);
            const processes = [start(), ...(both ? [start(viewOf(), { foreign: server.inBatchesOf(7) })] : [])];
            for (let i = 0; i < turns; i++) await new Promise(setImmediate);
            for (const process of processes) process.alive = false;
          }
          server.write(1);
          start();
          start(viewOf(), { foreign: server.inBatchesOf(7) });
          await settled();
          const odd = server.log.filter(({ type }) => type === 'Odd one').map((event) => event.id);
          const even = server.log.map((event) => event.id).filter((each) => !odd.includes(each));
          expect(messages().map(({ data }) => data.clientId)).toEqual(even);
          expect(skipped().map((event) => event.id)).toEqual(odd);
          expect(recorded()).toEqual({
            position: placeOf(server.log.length),
            published: server.log.length - odd.length,
            skipped: odd.length,
          });
          await stopAll();
        },
      ),
      { numRuns: 12 },
    ));
});
