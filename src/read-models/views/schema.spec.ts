import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { describe, expect, it } from 'vitest';
import { catalog } from '../../domain/catalog.ts';
import { sqliteDialect, Statements } from '../engine/database/sqlite-dialect.ts';
import { createTables, reducersOf, type ViewsSchema } from './schema.ts';
import { handlersByType } from './tables/reducer.ts';
import { Sequences } from './tables/sequences.ts';
import { Views } from './views.ts';

const reducersFor = (types: readonly string[]) =>
  reducersOf(
    types.map((type) => ({ type })),
    new Sequences(0),
    undefined,
    { current: undefined },
  );

describe('the tables of the views', () => {
  it('are those of their version: a change to one bumps it', async () => {
    const { version } = new Views();
    const sqlite = new DatabaseSync(':memory:');
    const db = new Kysely<ViewsSchema>({ dialect: sqliteDialect(sqlite, new Statements(sqlite)) });
    await createTables(db, 'bigint'); // as on PostgreSQL, where the sizes of numbers differ
    const created = sqlite.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name').all();
    const expected = readFileSync(new URL(`./generated/schema.version-${version}.sql`, import.meta.url), 'utf8');
    expect(created.map(({ sql }) => `${String(sql)};\n`).join('')).toBe(expected);
  });

  it('change at every event but these', () => {
    const handled = handlersByType(reducersFor(Object.keys(catalog)));
    const others = Object.keys(catalog).filter((type) => !handled.has(type));
    expect(others).toEqual([
      'ledger.key-created',
      'ledger.key-rewrapped',
      'ledger.lost-tail-accepted',
      'ledger.sealed',
      'disclosure.secret-shown',
      'disclosure.signing-key-shown',
      'drafttest.made',
      'portalsession.opened',
    ]);
  });

  it('are written by those reducers only that take an event of the batch', () => {
    expect(reducersFor(['apikey.revoked'])).toHaveLength(1);
    for (const { on } of reducersFor(['message.accepted', 'delivery.attempt-succeeded']))
      expect('message.accepted' in on || 'delivery.attempt-succeeded' in on).toBe(true);
    expect(reducersFor([])).toEqual([]);
  });
});
