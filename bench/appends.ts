// Measures how fast the adapter appends to a log server, next to a bare loop on the client package with as many appends in flight. Both take turns of a
// second or two, so other work on the machine slows both alike.
import { randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { serve } from './processes.ts';

type Adapter = typeof import('../src/event-store/eventstoredb/eventstoredb-event-store.ts');
type Connecting = typeof import('../src/event-store/eventstoredb/connection.ts');

/** About as much as a successful attempt records: a kilobyte. */
const data = { name: 'x'.repeat(800) };
const type = 'endpoint.renamed';
const actor = 'system:bench';

/** @returns appends per second of a closed loop */
const loop = async (append: () => Promise<unknown>, inFlight: number, seconds: number): Promise<number> => {
  const began = performance.now();
  const end = began + seconds * 1_000;
  let count = 0;
  const one = async () => {
    while (performance.now() < end) {
      await append();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return count / ((performance.now() - began) / 1_000);
};

const handlers = {
  /** @param src the folder of the server's sources */
  async run({ src, url, prefix, inFlight, seconds }: { src: string; url: string; prefix: string; inFlight: number; seconds: number }) {
    const load = async (file: string) => (await import(pathToFileURL(`${src}/event-store/eventstoredb/${file}.ts`).href)) as unknown;
    const { EventStoreDbEventStore } = (await load('eventstoredb-event-store')) as Adapter;
    const { readConnection, readCertificates } = (await load('connection')) as Connecting;
    const store = await EventStoreDbEventStore.open({ url, prefix, log: { info: () => {}, warn: (line: string) => console.error(line) } });
    const connection = readConnection(url);
    const { ca } = readCertificates(connection);
    const [endpoint = { address: '', port: 0 }] = connection.hosts;
    const security = { insecure: !connection.tls, ...(ca && { rootCertificate: Buffer.from(ca) }) };
    const client = new EventStoreDBClient({ endpoint }, security, connection.credentials);

    const ways = {
      adapter: () => {
        const event = { id: randomUUID(), type, data, metadata: { actor } } as const;
        return store.append([{ stream: `endpoint-${randomUUID()}`, expectedRevision: 'no-stream', events: [event] }]);
      },
      bare: () => {
        const event = jsonEvent({ id: randomUUID(), type, data, metadata: { actor, v: 1 } });
        return client.appendToStream(`${prefix}bare-${randomUUID()}`, event, { expectedRevision: NO_STREAM });
      },
    };
    const turns = { adapter: [] as number[], bare: [] as number[] };
    const turnSeconds = Math.min(1.5, seconds / 8);
    for (const way of ['adapter', 'bare'] as const) await loop(ways[way], inFlight, turnSeconds); // warm-up
    for (let turn = 0; turn * 2 * turnSeconds < seconds; turn += 1)
      for (const way of turn % 2 === 0 ? (['bare', 'adapter'] as const) : (['adapter', 'bare'] as const))
        turns[way].push(await loop(ways[way], inFlight, turnSeconds));
    await store.close();
    await client.dispose();
    // The server's own work, such as merging its index, falls on only some of the turns.
    const median = (rates: readonly number[]) => rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
    return { adapter: median(turns.adapter), bare: median(turns.bare) };
  },
};
export type AppendsPart = typeof handlers;
serve(handlers);
