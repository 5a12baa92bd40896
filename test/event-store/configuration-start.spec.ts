// The endpoint directory starts by what there is of configuration: how many messages the log holds makes no difference, on either log.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DomainEvent } from '../../src/domain/catalog.ts';
import { noPosition, type EndpointId } from '../../src/domain/ids.ts';
import { EventStoreDbEventStore } from '../../src/event-store/eventstoredb/eventstoredb-event-store.ts';
import type { EventStore } from '../../src/event-store/event-store.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { configurationCondition } from '../../src/event-store/sqlite/log-file.ts';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.ts';
import { ConfigurationChunks } from '../../src/read-models/directory/configuration-chunks.ts';
import { EndpointDirectory } from '../../src/read-models/directory/endpoint-directory.ts';
import { TabledConfiguration } from '../../src/read-models/directory/tabled-configuration.ts';
import { openDatabase } from '../../src/read-models/engine/database/open.ts';
import { Vault } from '../../src/secrets/vault.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { accepted, organizationId, registered } from '../support/samples.ts';
import { silent } from '../support/silent.ts';
import { waitFor } from '../support/wait-for.ts';

const vault = new Vault(randomBytes(32));
const encryptionKey = vault.newKey(`organization-${organizationId}`);
const endpoints = Array.from({ length: 8 }, (_, n) => `e${n}` as EndpointId);
const messages = 3_000;

let folder: string;
let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
  folder = mkdtempSync(join(tmpdir(), 'configuration-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
});
afterEach(() => opened.disposeAsync());

const write = (stream: string, event: DomainEvent) => ({
  stream,
  expectedRevision: 'no-stream' as const,
  events: [{ ...event, id: newId(), metadata: { actor: 'test' } }],
});

const fill = async (store: EventStore) => {
  await store.append([write(`organization-${organizationId}`, { type: 'organization.registered', data: { name: 'O', encryptionKey } })]);
  await store.append(endpoints.map((id) => write(`endpoint-${id}`, registered())));
  for (let n = 0; n < messages; n += 500)
    await store.append(Array.from({ length: 500 }, (_, i) => write(`message-${n + i}`, accepted([endpoints[0] as EndpointId]))));
};

const known = (directory: EndpointDirectory) => Array.from(directory.endpoints(organizationId), ({ id }) => id);

it('on a log server, a start looks at no more than came since the table of the configuration was written', async () => {
  const double = await LogServerDouble.start();
  opened.defer(() => double.stop());
  const open = () => EventStoreDbEventStore.open({ url: double.url(), log: silent });

  const run = async (whileRunning: (store: EventStore, directory: EndpointDirectory) => Promise<unknown>) => {
    await using closing = new AsyncDisposableStack();
    const store = await open();
    closing.defer(() => store.close());
    const before = (await double.call('counts')).searched;
    const database = openDatabase({ kind: 'sqlite', folder }, silent);
    const chunks = await ConfigurationChunks.open(database, vault.keysFor('test'), store.id, closing);
    const tabled = new TabledConfiguration(store, chunks, silent);
    closing.use(tabled.keepWriting(10));
    const directory = new EndpointDirectory(tabled, vault, silent);
    await directory.start();
    closing.defer(() => directory.stop());
    const { searched } = await double.call('counts');
    await whileRunning(store, directory);
    // A server says how far it has searched at a thousand events at the latest, and when a subscriber has caught up.
    const configured = 1 + known(directory).length;
    await waitFor(async () => expect((await chunks.last())?.events).toHaveLength(configured));
    return { searched: searched - before, endpoints: known(directory) };
  };

  await run(fill);
  const second = await run(async () => undefined);
  expect(second).toEqual({ searched: expect.any(Number), endpoints });
  expect(second.searched).toBeLessThan(messages / 2);
  expect((await run(async () => undefined)).searched).toBeLessThan(10);
  // What happens while it runs is in the table as well.
  const third = await run(async (store, directory) => {
    const [appended] = await store.append([write('endpoint-late', registered())]);
    expect(await directory.progress.reached(appended?.position ?? noPosition, 10_000)).toBe(true);
  });
  expect(third.endpoints).toEqual([...endpoints, 'late']);
  expect((await run(async () => undefined)).endpoints).toEqual([...endpoints, 'late']);
});

it('in the embedded log, the configuration is found by its index', async () => {
  const store = await SqliteEventStore.open({ directory: folder });
  opened.defer(() => store.close());
  await fill(store);
  const directory = new EndpointDirectory(store, vault, silent);
  await directory.start();
  opened.defer(() => directory.stop());
  expect(known(directory)).toEqual(endpoints);

  using log = new DatabaseSync(join(folder, 'log.db'), { readOnly: true });
  const query = `SELECT * FROM events WHERE sequence > 0 AND sequence <= ${messages} AND ${configurationCondition} ORDER BY sequence LIMIT 256`;
  const plan = log.prepare(`EXPLAIN QUERY PLAN ${query}`).all();
  expect(plan.map(({ detail }) => detail)).toEqual([expect.stringContaining('USING INDEX events_of_configuration')]);
});
