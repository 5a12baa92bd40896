// A table beside the views, of what follows from no event: noted in memory, and written in the background. It is lost with the views' database.
// Guarantee: nobody waits for a write. Limit: a crash loses what is not written yet.
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import { Outage } from '../outage.ts';
import type { CheckpointSchema, CreateTables, Database, Tables } from './engine/database/database.ts';

type SideTableOptions<S, Rows> = {
  readonly name: string;
  readonly version: number;
  readonly createTables: CreateTables<S>;
  readonly writeEveryMs: number;
  /** What was noted since the last call. Undefined: nothing. */
  readonly take: () => Rows | undefined;
  readonly write: (db: Kysely<S>, rows: Rows) => Promise<void>;
  /** It could not be written: it is written the next time. */
  readonly putBack: (rows: Rows) => void;
};

export class SideTable<S extends CheckpointSchema, Rows> {
  private tables: Tables<S> | undefined;
  private readonly outage: Outage;

  /** @param what as in "When API keys were used can't be written" */
  constructor(
    private readonly options: SideTableOptions<S, Rows>,
    what: string,
    log: Pick<BaseLogger, 'info' | 'warn'>,
  ) {
    this.outage = new Outage(what, log);
  }

  /** Undefined while it is not open. */
  get read(): Kysely<S> | undefined {
    return this.tables?.read;
  }

  async open(database: Database, opened: AsyncDisposableStack): Promise<void> {
    const { name, version, createTables, writeEveryMs } = this.options;
    const tables = await database.open<S>(name, version, createTables);
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

  /** Never rejects. */
  async write(): Promise<void> {
    const { tables, options } = this;
    const rows = tables && options.take();
    if (!tables || rows === undefined) return;
    try {
      // Several processes write shared tables, each for itself.
      if (tables.group) await options.write(tables.group.sideWriter, rows);
      else await tables.transaction(({ kysely }) => options.write(kysely, rows));
      this.outage.over();
    } catch (error) {
      options.putBack(rows);
      this.outage.failed(error);
    }
  }
}
