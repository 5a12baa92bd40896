// When each API key was last used, to the hour. It follows from no event, so it is lost with the views' database.
// Guarantee: a request only touches memory, and each process writes a key at most once an hour, in the background. Limit: a crash loses what is
// not written yet, at most a minute's uses.
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { ApiKeyId } from '../domain/ids.ts';
import type { CheckpointSchema, Database, Int64Type } from './engine/database/database.ts';
import { SideTable } from './side-table.ts';
import { createTable, type RowOf, type Table } from './views/tables/table.ts';

/** `hour`: hours since 1970, in UTC. */
const apiKeyUses: Table<{ id: ApiKeyId; hour: number }> = { columns: { id: 'text', hour: 'integer' }, primaryKey: ['id'] };

type UsesSchema = CheckpointSchema & { api_key_uses: RowOf<typeof apiKeyUses> };
/** The hour in which each was used last. */
type Uses = ReadonlyMap<ApiKeyId, number>;

const name = 'api-key-uses';
const version = 1;
const hourMs = 3_600_000;
const writeEveryMs = 60_000;

export class ApiKeyUses {
  /** The last hour in which this process saw each key. */
  private readonly seen = new Map<ApiKeyId, number>();
  private unwritten = new Map<ApiKeyId, number>();
  private readonly table: SideTable<UsesSchema, Uses>;

  constructor(
    log: Pick<BaseLogger, 'info' | 'warn'>,
    /** Milliseconds since 1970. */
    private readonly now: () => number = Date.now,
  ) {
    const options = {
      name,
      version,
      createTables,
      writeEveryMs,
      write: upsert,
      take: () => this.take(),
      putBack: (uses: Uses) => this.putBack(uses),
    };
    this.table = new SideTable(options, "When API keys were used can't be written", log);
  }

  record(id: ApiKeyId): void {
    const hour = Math.floor(this.now() / hourMs);
    if (this.seen.get(id) === hour) return;
    this.seen.set(id, hour);
    this.unwritten.set(id, hour);
  }

  open(database: Database, opened: AsyncDisposableStack): Promise<void> {
    return this.table.open(database, opened);
  }

  /** The start of the hour, ISO 8601 in UTC. Keys that were not used are left out. */
  async lastUses(ids: readonly ApiKeyId[]): Promise<ReadonlyMap<ApiKeyId, string>> {
    const { read } = this.table;
    const rows = read && ids.length > 0 ? await read.selectFrom('api_key_uses').selectAll().where('id', 'in', ids).execute() : [];
    const written = new Map(rows.map(({ id, hour }) => [id, hour]));
    const uses = new Map<ApiKeyId, string>();
    for (const id of ids) {
      const hour = Math.max(written.get(id) ?? 0, this.seen.get(id) ?? 0);
      if (hour > 0) uses.set(id, new Date(hour * hourMs).toISOString());
    }
    return uses;
  }

  /** Writes what was used since the last write. If the database can't be written, it is written the next time. Never rejects. */
  write(): Promise<void> {
    return this.table.write();
  }

  private take(): Uses | undefined {
    const { unwritten } = this;
    if (unwritten.size === 0) return undefined;
    this.unwritten = new Map();
    return unwritten;
  }

  private putBack(uses: Uses): void {
    for (const [id, hour] of uses) if (!this.unwritten.has(id)) this.unwritten.set(id, hour);
  }
}

const createTables = (db: Kysely<UsesSchema>, int64: Int64Type) => createTable(db, 'api_key_uses', apiKeyUses, int64);

/** Keeps the later hour, which another process may have written. */
const upsert = async (db: Kysely<UsesSchema>, uses: Uses): Promise<void> => {
  await db
    .insertInto('api_key_uses')
    .values(Array.from(uses, ([id, hour]) => ({ id, hour })))
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet((row) => ({ hour: row.ref('excluded.hour') }))
        .whereRef('api_key_uses.hour', '<', 'excluded.hour'),
    )
    .execute();
};
