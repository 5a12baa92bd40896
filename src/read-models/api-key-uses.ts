// When each API key was last used, to the hour. It follows from no event, so it is lost with the views' database.
// Guarantee: a request only touches memory, and each process writes a key at most once an hour, in the background. Limit: a crash loses what is
// not written yet, at most a minute's uses.
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import { Outage } from '../outage.ts';
import type { ApiKeyId } from '../domain/ids.ts';
import type { CheckpointSchema, Database, Int64Type, Tables } from './engine/database/database.ts';
import { createTable, type RowOf, type Table } from './views/tables/table.ts';

/** `hour`: hours since 1970, in UTC. */
const apiKeyUses: Table<{ id: ApiKeyId; hour: number }> = { columns: { id: 'text', hour: 'integer' }, primaryKey: ['id'] };

type UsesSchema = CheckpointSchema & { api_key_uses: RowOf<typeof apiKeyUses> };

const name = 'api-key-uses';
const version = 1;
const hourMs = 3_600_000;
const writeEveryMs = 60_000;

export class ApiKeyUses {
  /** The last hour in which this process saw each key. */
  private readonly seen = new Map<ApiKeyId, number>();
  private unwritten = new Map<ApiKeyId, number>();
  private tables: Tables<UsesSchema> | undefined;
  private readonly outage: Outage;

  constructor(
    log: Pick<BaseLogger, 'info' | 'warn'>,
    /** Milliseconds since 1970. */
    private readonly now: () => number = Date.now,
  ) {
    this.outage = new Outage("When API keys were used can't be written", log);
  }

  record(id: ApiKeyId): void {
    const hour = Math.floor(this.now() / hourMs);
    if (this.seen.get(id) === hour) return;
    this.seen.set(id, hour);
    this.unwritten.set(id, hour);
  }

  async open(database: Database, opened: AsyncDisposableStack): Promise<void> {
    const tables = await database.open<UsesSchema>(name, version, createTables);
    opened.defer(() => tables.close());
    await tables.group?.standBy(); // in use from here on, so nobody drops them
    this.tables = tables;
    const writing = setInterval(() => void this.write(), writeEveryMs).unref();
    opened.defer(async () => {
      clearInterval(writing);
      await this.write();
      this.tables = undefined;
    });
  }

  /** The start of the hour, ISO 8601 in UTC. Keys that were not used are left out. */
  async lastUses(ids: readonly ApiKeyId[]): Promise<ReadonlyMap<ApiKeyId, string>> {
    const rows =
      this.tables && ids.length > 0 ? await this.tables.read.selectFrom('api_key_uses').selectAll().where('id', 'in', ids).execute() : [];
    const written = new Map(rows.map(({ id, hour }) => [id, hour]));
    const uses = new Map<ApiKeyId, string>();
    for (const id of ids) {
      const hour = Math.max(written.get(id) ?? 0, this.seen.get(id) ?? 0);
      if (hour > 0) uses.set(id, new Date(hour * hourMs).toISOString());
    }
    return uses;
  }

  /** Writes what was used since the last write. If the database can't be written, it is written the next time. Never rejects. */
  async write(): Promise<void> {
    const { tables, unwritten } = this;
    if (!tables || unwritten.size === 0) return;
    this.unwritten = new Map();
    const rows = Array.from(unwritten, ([id, hour]) => ({ id, hour }));
    try {
      // Several processes write shared tables, each for itself.
      if (tables.group) await upsert(tables.group.sideWriter, rows);
      else await tables.transaction(({ kysely }) => upsert(kysely, rows));
      this.outage.over();
    } catch (error) {
      for (const [id, hour] of unwritten) if (!this.unwritten.has(id)) this.unwritten.set(id, hour);
      this.outage.failed(error);
    }
  }
}

const createTables = (db: Kysely<UsesSchema>, int64: Int64Type) => createTable(db, 'api_key_uses', apiKeyUses, int64);

/** Keeps the later hour, which another process may have written. */
const upsert = async (db: Kysely<UsesSchema>, rows: readonly RowOf<typeof apiKeyUses>[]): Promise<void> => {
  await db
    .insertInto('api_key_uses')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet((row) => ({ hour: row.ref('excluded.hour') }))
        .whereRef('api_key_uses.hour', '<', 'excluded.hour'),
    )
    .execute();
};
