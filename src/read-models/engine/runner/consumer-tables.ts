// The tables that a consumer's runner has open: this version's, an older version's that answer queries until this one has caught up, and those that
// a newer build has replaced. Guarantee: tables stay open for a while for queries that already use them, and tables in use are not dropped.
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { Consumer } from '../consumer.ts';
import type { BuildId, CheckpointSchema, CreateTables, Database, ReadOnlyTables, Tables } from '../database/database.ts';

/** How long replaced tables stay open for queries that already use them. */
const graceMs = 30_000;

export class ConsumerTables<S extends CheckpointSchema> {
  private own: Tables<S> | undefined;
  private older: { readonly version: number; readonly tables: ReadOnlyTables<S> } | undefined;
  private readonly replaced = new Set<Tables<S>>();

  constructor(
    private readonly consumer: Pick<Consumer<S>, 'name' | 'version' | 'oldestReadableVersion' | 'exclusiveVersion' | 'createTables'>,
    private readonly database: Database,
    private readonly log: Pick<BaseLogger, 'info'>,
  ) {}

  async start(): Promise<Tables<S>> {
    return (this.own = await this.openNewest());
  }

  /** Opens the newest build of this version. The tables in use stay in use until `switchTo`. */
  openNewest(): Promise<Tables<S>> {
    const { name, version, exclusiveVersion = false } = this.consumer;
    const createTables: CreateTables<S> = (db, int64) => this.consumer.createTables(db, int64);
    return this.database.open<S>(name, version, createTables, { exclusiveVersion });
  }

  /** Lets queries read the newest older version that they understand, if there is one, until `closeOlder`. */
  async openOlder(): Promise<void> {
    const { name, version, oldestReadableVersion = version } = this.consumer;
    const versions = await this.database.versions(name);
    const readable = versions.findLast((each) => each < version && each >= oldestReadableVersion);
    if (readable !== undefined) this.older = { version: readable, tables: await this.database.openReadOnly<S>(name, readable) };
  }

  /** The connection that queries use. */
  get read(): Kysely<S> {
    return this.older?.tables.read ?? this.current.read;
  }

  /** Which tables `read` reads. Without `build`: the newest build of that older version. */
  get readBuild(): BuildId | { readonly version: number } {
    return this.older ? { version: this.older.version } : { version: this.consumer.version, build: this.current.build };
  }

  /** This version's tables. */
  get current(): Tables<S> {
    if (!this.own) throw new Error(`The consumer ${this.consumer.name} was not started.`);
    return this.own;
  }

  /** Replaces the tables in use. The caller closes the old ones with `closeReplaced`. */
  switchTo(newest: Tables<S>): void {
    const { name, version } = this.consumer;
    this.replaced.add(this.current);
    this.own = newest;
    this.log.info({ consumer: name, version, build: newest.build }, `${name}: switched to the rebuilt tables.`);
  }

  closeReplaced(tables: Tables<S>): Promise<void> {
    return tables.close().finally(() => this.replaced.delete(tables));
  }

  closeReplacedLater(tables: Tables<S>): void {
    setTimeout(() => void this.closeReplaced(tables), graceMs).unref();
  }

  closeOlder(): void {
    const { older } = this;
    this.older = undefined;
    if (older) setTimeout(() => void older.tables.close(), graceMs).unref();
  }

  /** Drops older builds of this version, and older versions. */
  async dropOlder(): Promise<void> {
    const { name, version } = this.consumer;
    await this.dropOlderBuilds();
    for (const each of await this.database.versions(name)) {
      if (each >= version) continue;
      await this.database.drop(name, each);
      this.log.info({ consumer: name, version, dropped: each }, `${name}: version ${version} has caught up; dropped version ${each}.`);
    }
  }

  async dropOlderBuilds(): Promise<void> {
    const { name, version } = this.consumer;
    for (const each of await this.database.builds(name, version))
      if (each < this.current.build) await this.database.drop(name, version, each);
  }

  async close(): Promise<void> {
    await this.older?.tables.close();
    this.older = undefined;
    for (const each of this.replaced) await each.close();
    await this.own?.close();
  }
}
