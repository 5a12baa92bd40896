import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { writeFileSync } from 'node:fs';
const base = process.cwd();
const { sqliteDialect, Statements } = await import(base + '/src/read-models/engine/database/sqlite-dialect.ts');
const { createTables } = await import(base + '/src/read-models/views/schema.ts');
const { Views } = await import(base + '/src/read-models/views/views.ts');
const sqlite = new DatabaseSync(':memory:');
const db = new Kysely({ dialect: sqliteDialect(sqlite, new Statements(sqlite)) });
await createTables(db, 'bigint');
const created = sqlite.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name').all();
writeFileSync(
  `${base}/src/read-models/views/generated/schema.version-${new Views().version}.sql`,
  created.map(({ sql }) => `${String(sql)};\n`).join(''),
);
