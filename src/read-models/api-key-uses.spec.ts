// When API keys were used: to the hour, on both databases, and from several processes.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, postgresUrl, type DatabaseUnderTest } from '../../test/support/databases.ts';
import { dropSchemasOfGuest, newPrefix } from '../../test/support/postgres.ts';
import { apiKeyId } from '../domain/ids.ts';
import { ApiKeyUses } from './api-key-uses.ts';
import type { Database } from './engine/database/database.ts';
import { PostgresDatabase } from './engine/database/postgres.ts';

const [used, other, unused] = ['used', 'other', 'unused'].map((id) => apiKeyId.parse(id)) as [never, never, never];
const silent = { info: () => undefined, warn: () => undefined };
let opened: AsyncDisposableStack;
let now: number;
beforeEach(() => {
  opened = new AsyncDisposableStack();
  now = Date.parse('2026-01-01T10:59:59.999Z');
});
afterEach(() => opened.disposeAsync());

const openUses = async (database: Database, closing = opened, log: ConstructorParameters<typeof ApiKeyUses>[0] = silent) => {
  const uses = new ApiKeyUses(log, () => now);
  await uses.open(database, closing);
  return uses;
};
const at = (hour: string) => `2026-01-01T${hour}:00:00.000Z`;

describe.each(databaseKinds)('on $name', ({ make }) => {
  let database: DatabaseUnderTest;
  beforeEach(async () => {
    database = await make();
    opened.defer(() => database.discard());
  });

  it('the last use of each key is shown at once, and after a restart', async () => {
    const first = new AsyncDisposableStack();
    const uses = await openUses(database.open(), first);
    uses.record(used);
    expect(await uses.lastUses([used, unused])).toEqual(new Map([[used, at('10')]]));
    await uses.write();
    now += 1;
    for (const id of [used, used, other]) uses.record(id);
    await first.disposeAsync(); // writes the rest

    const next = await openUses(database.open());
    expect(await next.lastUses([used, other, unused])).toEqual(
      new Map([
        [used, at('11')],
        [other, at('11')],
      ]),
    );
    expect(await next.lastUses([])).toEqual(new Map());
  });
});

it('a use before the tables are open is written, too', async () => {
  const database = await databaseKinds[0]!.make();
  opened.defer(() => database.discard());
  const closing = new AsyncDisposableStack();
  const uses = new ApiKeyUses(silent, () => now);
  uses.record(used);
  expect(await uses.lastUses([used])).toEqual(new Map([[used, at('10')]]));
  await uses.open(database.open(), closing);
  await closing.disposeAsync();
  expect((await (await openUses(database.open())).lastUses([used])).get(used)).toBe(at('10'));
});

it('several processes write the same tables; the later hour stays', async () => {
  const [url, prefix] = [await postgresUrl(), newPrefix()];
  opened.defer(() => dropSchemasOfGuest(url, prefix));
  const replica = () => openUses(new PostgresDatabase({ url, prefix, shared: true }, silent));
  const [slow, fast, third] = [await replica(), await replica(), await replica()];
  slow.record(used);
  now += 1;
  fast.record(used);
  await fast.write();
  await slow.write();
  expect((await third.lastUses([used])).get(used)).toBe(at('11'));
});

it('what could not be written is written later, and said once', async () => {
  const database = await databaseKinds[0]!.make();
  opened.defer(() => database.discard());
  const said: string[] = [];
  const real = database.open();
  let isFull = true;
  const failing: Database = Object.assign(Object.create(real) as Database, {
    open: async (...args: Parameters<Database['open']>) => {
      const tables = await real.open(...args);
      const transaction = tables.transaction.bind(tables);
      return Object.assign(tables, {
        transaction: (...work: never) =>
          isFull ? Promise.reject(new Error('The disk is full.')) : Reflect.apply(transaction, undefined, work),
      });
    },
  });
  const closing = new AsyncDisposableStack();
  const uses = await openUses(failing, closing, { ...silent, warn: (_: unknown, line?: string) => said.push(String(line)) });
  uses.record(used);
  await uses.write();
  await uses.write();
  expect(said).toEqual([expect.stringContaining('The disk is full. Retrying.')]);
  isFull = false;
  await closing.disposeAsync();
  expect((await (await openUses(database.open())).lastUses([used])).get(used)).toBe(at('10'));
});
