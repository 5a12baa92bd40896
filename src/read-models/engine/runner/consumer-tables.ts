// The tables that a consumer's runner has open: this version's, those of an older version that answer queries until this one has caught up, and
// those that were replaced by a newer build. Guarantee: what queries have begun on stays open for a while, and what is in use is not dropped.
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { Consumer } from '../consumer.ts';
import type { CheckpointSchema, CreateTables, Database, Tables, ReadOnlyTables } from '../database/database.ts';

/** Which tables: of which version of the consumer, and which build of them. */
export type BuildId = { readonly version: number; readonly build: number };

/** What was replaced stays open this long, for queries that had begun on it. */
const graceMs = 30_000;

export class ConsumerTables<S extends CheckpointSchema> {
  private own: Tables<S> | undefined;
  private older: { readonly version: number; readonly tables: ReadOnlyTables<S> } | undefined;
  /** What was replaced, while queries may still be on it. */
  private readonly replaced = new Set<Tables<S>>();

  constructor(
    private readonly consumer: Pick<Consumer<S>, 'name' | 'version' | 'oldestReadableVersion' | 'exclusiveVersion' | 'createTables'>,
    private readonly database: Database,
    private readonly log: Pick<BaseLogger, 'info'>,
  ) {}

  async start(): Promise<Tables<S>> {
    return (this.own = await this.openNewest());
  }

  /** The newest build of this version; what is in use stays that until `goOnWith`. */
  openNewest(): Promise<Tables<S>> {
    const { name, version, exclusiveVersion = false } = this.consumer;
    const createTables: CreateTables<S> = (db, int64) => this.consumer.createTables(db, int64);
    return this.database.open<S>(name, version, createTables, { exclusiveVersion });
  }

  /** Queries see the newest older version that they can read, if there is one, until `closeOlder`. */
  async openOlder(): Promise<void> {
    const { name, version, oldestReadableVersion = version } = this.consumer;
    const versions = await this.database.versions(name);
    const readable = versions.findLast((each) => each < version && each >= oldestReadableVersion);
    if (readable !== undefined) this.older = { version: readable, tables: await this.database.openReadOnly<S>(name, readable) };
  }

  get read(): Kysely<S> {
    return this.older?.tables.read ?? this.current.read;
  }

  /** The tables that `read` is on; of an older version, its newest build. */
  get readBuild(): BuildId | { readonly version: number } {
    return this.older ? { version: this.older.version } : { version: this.consumer.version, build: this.current.build };
  }

  /** This version's tables. */
  get current(): Tables<S> {
    if (!this.own) throw new Error(`The consumer ${this.consumer.name} was not started.`);
    return this.own;
  }

  /** In place of those in use, which are closed with `closeReplaced`. */
  switchTo(anew: Tables<S>): void {
    const { name, version } = this.consumer;
    this.replaced.add(this.current);
    this.own = anew;
    this.log.info({ consumer: name, version, build: anew.build }, `${name}: goes on with the tables that were built anew.`);
  }

  closeReplaced(before: Tables<S>): Promise<void> {
    return before.close().finally(() => this.replaced.delete(before));
  }

  closeReplacedLater(before: Tables<S>): void {
    setTimeout(() => void this.closeReplaced(before), graceMs).unref();
  }

  closeOlder(): void {
    const { older } = this;
    this.older = undefined;
    if (older) setTimeout(() => void older.tables.close(), graceMs).unref();
  }

  /** Builds before the one in use, and versions before this one. */
  async dropOlder(): Promise<void> {
    const { name, version } = this.consumer;
    await this.dropOlderBuilds();
    for (const each of await this.database.versions(name)) {
      if (each >= version) continue;
      await this.database.drop(name, each);
      this.log.info({ consumer: name, version, dropped: each }, `${name}: version ${version} has caught up; version ${each} was dropped.`);
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
