// How many messages of each organization were refused, by the hour. It follows from no event, so it is lost with the views' database.
// Guarantee: a refusal only touches memory; each process adds its counts in the background. Limit: a crash loses what is not written yet, at most ten
// seconds' refusals.
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { OrganizationId } from '../domain/ids.ts';
import type { CheckpointSchema, Database, Int64Type } from './engine/database/database.ts';
import { SideTable } from './side-table.ts';
import { createTable, type RowOf, type Table } from './views/tables/table.ts';

/** `hour`: hours since 1970, in UTC. */
const organizationRefusals: Table<{ organization_id: OrganizationId; hour: number; messages: number }> = {
  columns: { organization_id: 'text', hour: 'integer', messages: 'int64' },
  primaryKey: ['organization_id', 'hour'],
};
type Row = RowOf<typeof organizationRefusals>;
type RefusalsSchema = CheckpointSchema & { organization_refusals: Row };

const name = 'organization-refusals';
const version = 1;
const hourMs = 3_600_000;
const hoursOfDay = 24;
const writeEveryMs = 10_000;

export class OrganizationRefusals {
  private unwritten = new Map<string, Row>();
  private readonly table: SideTable<RefusalsSchema, readonly Row[]>;

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
      write: add,
      take: () => this.take(),
      putBack: (rows: readonly Row[]) => this.putBack(rows),
    };
    this.table = new SideTable(options, "How many messages were refused can't be written", log);
  }

  record(id: OrganizationId, messages: number): void {
    this.count({ organization_id: id, hour: Math.floor(this.now() / hourMs), messages });
  }

  open(database: Database, opened: AsyncDisposableStack): Promise<void> {
    return this.table.open(database, opened);
  }

  /** Of this hour and those of a day before it. Those without any are left out. */
  async lastDay(ids: readonly OrganizationId[]): Promise<ReadonlyMap<OrganizationId, number>> {
    const since = Math.floor(this.now() / hourMs) - hoursOfDay;
    const { read } = this.table;
    const written =
      read && ids.length > 0
        ? await read.selectFrom('organization_refusals').selectAll().where('organization_id', 'in', ids).where('hour', '>', since).execute()
        : [];
    const counts = new Map<OrganizationId, number>();
    for (const { organization_id, hour, messages } of [...written, ...this.unwritten.values()])
      if (hour > since) counts.set(organization_id, (counts.get(organization_id) ?? 0) + messages);
    return counts;
  }

  /** Adds what was counted since the last write. If the database can't be written, it is added the next time. Never rejects. */
  write(): Promise<void> {
    return this.table.write();
  }

  private take(): readonly Row[] | undefined {
    if (this.unwritten.size === 0) return undefined;
    const rows = [...this.unwritten.values()];
    this.unwritten = new Map();
    return rows;
  }

  private putBack(rows: readonly Row[]): void {
    for (const row of rows) this.count(row);
  }

  private count(counted: Row): void {
    const key = `${counted.hour} ${counted.organization_id}`;
    const row = this.unwritten.get(key);
    if (row) row.messages += counted.messages;
    else this.unwritten.set(key, counted);
  }
}

const createTables = (db: Kysely<RefusalsSchema>, int64: Int64Type) =>
  createTable(db, 'organization_refusals', organizationRefusals, int64);

const add = async (db: Kysely<RefusalsSchema>, rows: readonly Row[]): Promise<void> => {
  await db
    .insertInto('organization_refusals')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['organization_id', 'hour'])
        .doUpdateSet((row) => ({ messages: row('organization_refusals.messages', '+', row.ref('excluded.messages')) })),
    )
    .execute();
};
