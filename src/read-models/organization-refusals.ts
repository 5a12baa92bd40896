// How many messages of each organization were refused, by the hour. It follows from no event, so it is lost with the views' database.
// Guarantee: a refusal only touches memory; each process adds its counts in the background. Limit: a crash loses what is not written yet, at most ten
// seconds' refusals.
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import { Outage } from '../outage.ts';
import type { OrganizationId } from '../domain/ids.ts';
import type { CheckpointSchema, Database, Int64Type, Tables } from './engine/database/database.ts';
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
  private tables: Tables<RefusalsSchema> | undefined;
  private readonly outage: Outage;

  constructor(
    log: Pick<BaseLogger, 'info' | 'warn'>,
    /** Milliseconds since 1970. */
    private readonly now: () => number = Date.now,
  ) {
    this.outage = new Outage("How many messages were refused can't be written", log);
  }

  record(id: OrganizationId, messages: number): void {
    const hour = Math.floor(this.now() / hourMs);
    const key = `${hour} ${id}`;
    const row = this.unwritten.get(key);
    if (row) row.messages += messages;
    else this.unwritten.set(key, { organization_id: id, hour, messages });
  }

  async open(database: Database, opened: AsyncDisposableStack): Promise<void> {
    const tables = await database.open<RefusalsSchema>(name, version, createTables);
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

  /** Of this hour and those of a day before it. Those without any are left out. */
  async lastDay(ids: readonly OrganizationId[]): Promise<ReadonlyMap<OrganizationId, number>> {
    const since = Math.floor(this.now() / hourMs) - hoursOfDay;
    const written =
      this.tables && ids.length > 0
        ? await this.tables.read
            .selectFrom('organization_refusals')
            .selectAll()
            .where('organization_id', 'in', ids)
            .where('hour', '>', since)
            .execute()
        : [];
    const counts = new Map<OrganizationId, number>();
    for (const { organization_id, hour, messages } of [...written, ...this.unwritten.values()])
      if (hour > since) counts.set(organization_id, (counts.get(organization_id) ?? 0) + messages);
    return counts;
  }

  /** Adds what was counted since the last write. If the database can't be written, it is added the next time. Never rejects. */
  async write(): Promise<void> {
    const { tables, unwritten } = this;
    if (!tables || unwritten.size === 0) return;
    this.unwritten = new Map();
    const rows = [...unwritten.values()];
    try {
      // Several processes write shared tables, each for itself.
      if (tables.group) await add(tables.group.sideWriter, rows);
      else await tables.transaction(({ kysely }) => add(kysely, rows));
      this.outage.over();
    } catch (error) {
      for (const { organization_id, hour, messages } of rows) this.putBack(organization_id, hour, messages);
      this.outage.failed(error);
    }
  }

  private putBack(id: OrganizationId, hour: number, messages: number): void {
    const key = `${hour} ${id}`;
    const row = this.unwritten.get(key);
    if (row) row.messages += messages;
    else this.unwritten.set(key, { organization_id: id, hour, messages });
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
