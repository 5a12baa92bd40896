// The port's rules, on every database.
import type { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../../test/support/databases.ts';
import { endConnections } from '../../../../test/support/postgres.ts';
import type { Position } from '../../../domain/ids.ts';
import type { AcceptLostTail } from '../../../event-store/lost-tail.ts';
import { CheckpointMoved, type CheckpointSchema, type Database, type Int64Type, type Tables } from './database.ts';

type Schema = CheckpointSchema & {
  things: { key: string; part: number; amount: number; label: string | null };
};

const createTables = async (db: Kysely<Schema>, int64: Int64Type) => {
  await db.schema
    .createTable('things')
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('part', 'integer', (column) => column.notNull())
    .addColumn('amount', int64, (column) => column.notNull())
    .addColumn('label', 'text')
    .addPrimaryKeyConstraint('things_key', ['key', 'part'])
    .execute();
};

const at = (n: number) => String(n).padStart(12, '0') as Position;
const thing = (key: string, amount = 1, label: string | null = null, part = 0) => ({ key, part, amount, label });

describe.each(databaseKinds)('tables on $name', ({ name, make }) => {
  let place: DatabaseUnderTest;
  let database: Database;
  let tables: Tables<Schema>;
  const opened: Tables<Schema>[] = [];
  const open = async (version = 1, from = database) => {
    const made = await from.open<Schema>('some-things', version, createTables);
    opened.push(made);
    return made;
  };
  beforeEach(async () => {
    place = await make();
    database = place.open();
    tables = await open();
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await place.discard();
  });
  const rows = () => tables.read.selectFrom('things').selectAll().orderBy('key').orderBy('part').execute();

  it('returns the values written: whole numbers of any size, nulls, and any text', async () => {
    const written = [
      thing('a', Number.MAX_SAFE_INTEGER, ''),
      thing('b', Number.MIN_SAFE_INTEGER, '{"quoted":"\\" \\\\ \n, {}"}', -(2 ** 31)),
      thing('c', -1, 'ä€𝄞 NULL', 2 ** 31 - 1),
      thing('d', 0),
      thing('e', 2 ** 32, "'; DROP TABLE things; --"),
      thing('f', -(2 ** 32) - 1, 'x'.repeat(100_000)),
    ];
    await tables.transaction((tx) => tx.insert('things', written), at(1));
    expect(await rows()).toEqual(written);
    const keys = written.map(({ key }) => key);
    const found = await tables.transaction((tx) => tx.find('things', 'key', keys, ['key', 'part', 'amount', 'label']));
    expect(found.sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual(written);
  });

  it('finds the first rows of each value, in the order of another column', async () => {
    const written = [3, 1, 2].map((part) => thing('a', 1, null, part)).concat(thing('b', 1, null, 7));
    await tables.transaction((tx) => tx.insert('things', written));
    const first = (most: number) =>
      tables.transaction((tx) => tx.findFirst('things', 'key', ['b', 'a', 'none'], 'part', most, ['key', 'part']));
    expect((await first(2)).sort((a, b) => a.part - b.part)).toEqual([
      { key: 'a', part: 1 },
      { key: 'a', part: 2 },
      { key: 'b', part: 7 },
    ]);
    expect(await first(1)).toHaveLength(2);
    expect(await tables.transaction((tx) => tx.findFirst('things', 'key', [], 'part', 1, ['key']))).toEqual([]);
  });

  it('stores a text that contains U+0000, and finds it', async () => {
    await tables.transaction((tx) => tx.insert('things', [thing('a\0b', 1, '\0')]));
    const query = tables.read.selectFrom('things').select('label').where('key', '=', 'a\0b');
    expect(await query.execute()).toEqual([{ label: name === 'sqlite' ? '\0' : '\uFFFD' }]);
  });

  it('orders texts by their bytes', async () => {
    await tables.transaction((tx) =>
      tx.insert(
        'things',
        ['b', 'A', '_', 'a', 'B', '-', '1', 'é'].map((key) => thing(key)),
      ),
    );
    expect((await rows()).map(({ key }) => key).join('')).toBe('-1AB_abé');
  });

  it('skips existing rows, changes them, or adds to them', async () => {
    await tables.transaction((tx) => tx.insert('things', [thing('a', 1), thing('b', 1), thing('c', 1), thing('d', 1)]));
    await tables.transaction(async (tx) => {
      await tx.insert('things', [thing('a', 2), thing('e', 2), thing('e', 3)]);
      await tx.upsert('things', ['key', 'part'], [thing('b', 2, 'changed'), thing('f', 2)]);
      await tx.update(
        'things',
        ['key', 'part'],
        [
          { key: 'c', part: 0, label: 'updated' },
          { key: 'nobody', part: 0, label: 'updated' },
        ],
      );
      await tx.delete('things', 'key', ['d', 'nobody']);
    });
    expect(await rows()).toEqual([thing('a', 1), thing('b', 2, 'changed'), thing('c', 1, 'updated'), thing('e', 2), thing('f', 2)]);
  });

  it.each([31, 32, 33, 64, 700])('inserts %i rows at once, and skips existing ones', async (count) => {
    const key = (n: number) => `key ${String(n).padStart(3, '0')}`;
    await tables.transaction((tx) => tx.insert('things', [thing(key(0), -1), thing(key(count - 1), -1)]));
    const many = Array.from({ length: count }, (_, n) => thing(key(n), n, n % 2 ? null : `label ${n}`));
    await tables.transaction((tx) => tx.insert('things', many));
    const existing = new Set([0, count - 1]);
    expect(await rows()).toEqual(many.map((row, n) => (existing.has(n) ? thing(key(n), -1) : row)));
  });

  it('undoes a transaction if one of its rows is refused', async () => {
    const rowsBefore = Array.from({ length: 100 }, (_, n) => thing(`key ${n}`));
    const refused = thing('refused', null as unknown as number);
    await expect(tables.transaction((tx) => tx.insert('things', [...rowsBefore, refused, thing('after')]))).rejects.toThrow(/null/i);
    expect(await rows()).toEqual([]);
  });

  it('adds to counters, and creates missing ones', async () => {
    type Counters = CheckpointSchema & { counters: { key: string; count: number; sum: number } };
    const counters = await database.open<Counters>('counters', 1, async (db, int64) => {
      const table = db.schema.createTable('counters').addColumn('key', 'text', (column) => column.primaryKey());
      await table.addColumn('count', 'integer').addColumn('sum', int64).execute();
    });
    await counters.transaction((tx) => tx.add('counters', ['key'], [{ key: 'a', count: 1, sum: 2 ** 40 }]));
    const more = [
      { key: 'a', count: 2, sum: 5 },
      { key: 'b', count: -1, sum: -(2 ** 40) },
    ];
    await counters.transaction((tx) => tx.add('counters', ['key'], more));
    expect(await counters.read.selectFrom('counters').selectAll().orderBy('key').execute()).toEqual([
      { key: 'a', count: 3, sum: 2 ** 40 + 5 },
      { key: 'b', count: -1, sum: -(2 ** 40) },
    ]);
    const { sum } = await counters.read
      .selectFrom('counters')
      .select(({ fn }) => fn.sum<number>('sum').as('sum'))
      .executeTakeFirstOrThrow();
    expect(sum).toBe(5);
    await counters.close();
  });

  it('takes thousands of rows at once, or none', async () => {
    const many = Array.from({ length: 5000 }, (_, i) => thing(`k${String(i).padStart(4, '0')}`, i, i % 3 === 0 ? null : 'l'));
    await tables.transaction(async (tx) => {
      await tx.insert('things', many);
      await tx.insert('things', []);
      await tx.delete('things', 'key', []);
      await tx.update(
        'things',
        ['key', 'part'],
        many.map(({ key, part, amount }) => ({ key, part, amount: amount + 1 })),
      );
    });
    expect(await rows()).toEqual(many.map((row) => ({ ...row, amount: row.amount + 1 })));
    const some = many.slice(1000, 4000).map(({ key }) => key);
    expect(await tables.transaction((tx) => tx.find('things', 'key', some, ['amount']))).toHaveLength(3000);
    expect(await tables.transaction((tx) => tx.find('things', 'key', [], ['amount']))).toEqual([]);
    await tables.transaction((tx) => tx.delete('things', 'key', some));
    expect(await rows()).toHaveLength(2000);
  });

  it('changes neither rows nor checkpoint when the work fails', async () => {
    await tables.transaction((tx) => tx.insert('things', [thing('a')]), at(1));
    const failing = tables.transaction(async (tx) => {
      await tx.insert('things', [thing('b')]);
      await tx.kysely.deleteFrom('things').where('key', '=', 'a').execute();
      throw new RangeError('no');
    }, at(2));
    await expect(failing).rejects.toThrow(RangeError);
    const misspelt = tables.transaction((tx) => tx.kysely.deleteFrom('thinks' as 'things').execute(), at(2));
    await expect(misspelt).rejects.toThrow(/thinks/);
    expect(await rows()).toEqual([thing('a')]);
    expect(await tables.checkpoint()).toBe(at(1));
  });

  it('runs transactions one after the other, and shows their rows', async () => {
    let running = 0;
    const work = Array.from({ length: 10 }, (_, i) =>
      tables.transaction(
        async (tx) => {
          expect(running++).toBe(0);
          await tx.insert('things', [thing(`k${i}`)]);
          running--;
        },
        at(i + 1),
      ),
    );
    await Promise.all(work);
    expect(await rows()).toHaveLength(10);
    expect(await tables.read.selectFrom('checkpoint').select('position').execute()).toEqual([{ position: at(10) }]);
  });

  it('keeps each version’s rows until it is opened again', async () => {
    await tables.transaction((tx) => tx.insert('things', [thing('a')]), at(7));
    await open(2);
    await open(10);
    for (const each of opened.splice(0)) await each.close();
    const later = place.open();
    expect(await later.versions('some-things')).toEqual([1, 2, 10]);
    expect(await later.versions('some')).toEqual([]);
    tables = await open(1, later);
    expect(await tables.checkpoint()).toBe(at(7));
    expect(await rows()).toEqual([thing('a')]);
    expect(await (await open(2, later)).checkpoint()).toBeUndefined();
    const reader = await later.openReadOnly<Schema>('some-things', 1);
    expect(await reader.read.selectFrom('things').select('key').execute()).toEqual([{ key: 'a' }]);
    await expect(reader.read.deleteFrom('things').execute()).rejects.toThrow(/read-?only/);
    await reader.close();
    for (const each of opened.splice(0)) await each.close();
    await later.drop('some-things', 2);
    await later.drop('some-things', 2);
    expect(await later.versions('some-things')).toEqual([1, 10]);
  });

  it('reads one snapshot in a read transaction', async () => {
    await tables.transaction((tx) => tx.insert('things', [thing('a')]), at(1));
    const seen = await tables.read.transaction().execute(async (snapshot) => {
      const before = await snapshot.selectFrom('things').select('key').execute();
      await tables.transaction((tx) => tx.insert('things', [thing('b')]), at(2));
      return [before, await snapshot.selectFrom('things').select('key').execute()];
    });
    expect(seen).toEqual([[{ key: 'a' }], [{ key: 'a' }]]);
    expect(await rows()).toHaveLength(2);
  });

  it.runIf(name === 'sqlite')(
    'is refused if it belongs to another log, or is ahead of this one, and starts over if that is accepted',
    async () => {
      const log = { warn: vi.fn<() => void>() };
      const bindAndReopen = async (origin: string, end: number, acceptLostTail?: AcceptLostTail) => {
        for (const each of opened.splice(0)) await each.close();
        await place.open(log).bindTo({ origin, tip: async () => at(end), acceptLostTail });
        tables = await open();
        return tables.checkpoint();
      };
      await tables.transaction((tx) => tx.insert('things', [thing('a')]), at(5));
      expect(await bindAndReopen('here', 5)).toBe(at(5));
      expect(await bindAndReopen('here', 9)).toBe(at(5));
      const lost = vi.fn<NonNullable<AcceptLostTail>>();
      await expect(bindAndReopen('here', 4)).rejects.toThrow(/^The log ends at position 0+4, but \S+ shows that it went on to 0+5, so/);
      expect(await bindAndReopen('here', 9)).toBe(at(5)); // it changed nothing
      expect(log.warn).not.toHaveBeenCalled();
      expect(await bindAndReopen('here', 4, lost)).toBeUndefined();
      expect(lost).toHaveBeenLastCalledWith({ endsAt: at(4), knownTo: at(5) });
      expect(log.warn).toHaveBeenCalledWith(expect.anything(), expect.stringMatching(/at position 0+5, but the log ends at 0+4/));
      await tables.transaction((tx) => tx.insert('things', [thing('a')]), at(5));
      await expect(bindAndReopen('there', 9)).rejects.toThrow(/shows another log: that one began here, this one there\./);
      expect(await bindAndReopen('there', 9, lost)).toBeUndefined();
      expect(log.warn).toHaveBeenLastCalledWith(expect.anything(), expect.stringMatching(/it belongs to another log, which began here/));
      expect(await rows()).toEqual([]);
    },
  );

  it.runIf(name === 'postgres')('refuses a write of a process that has lost it to another one', async () => {
    await tables.transaction((tx) => tx.insert('things', [thing('a')]), at(1));
    if (place.location.kind === 'postgres') await endConnections(place.location.url, place.location.prefix);
    const other = await place.open().open<Schema>('some-things', 1, createTables);
    await other.transaction((tx) => tx.insert('things', [thing('b')]), at(2));
    await other.close();
    const outdated = tables.transaction((tx) => tx.insert('things', [thing('c')]), at(2));
    await expect(outdated).rejects.toThrow(CheckpointMoved);
    expect((await rows()).map(({ key }) => key)).toEqual(['a', 'b']);
  });
});
