// The shared database: one PostgreSQL schema for each version of each consumer, `<prefix>_<consumer>_<version>` (rebuilt: `…_b<build>`), and one,
// `<prefix>`, that records which log they belong to. Any number of processes may open it: creating or dropping a schema takes a lock.
import { DatabaseError, type Client } from 'pg';
import type { BaseLogger } from 'pino';
import { Backoff } from '../../../backoff.ts';
import {
  DatabaseUnusable,
  type CheckpointSchema,
  type CreateTables,
  type Database,
  type FollowedLog,
  type NextOptions,
  type NextTables,
  type ReadOnlyTables,
  type Tables,
} from './database.ts';
import { checkServer, findLogConflict, recordedOrigin } from './postgres-checks.ts';
import { connect, isTransient, quoted } from './postgres-connection.ts';
import { newerBuildMessage, supersededBy } from './postgres-replica-group.ts';
import {
  checkpointIn,
  columnTypesIn,
  createSchema,
  isInUse,
  PostgresSchemas,
  schemaExists,
  type OtherVersions,
} from './postgres-schemas.ts';
import { connectWriter, openReadOnly, queryOn, tryWriterLock, writerSettings } from './postgres-sessions.ts';
import { PostgresTables } from './postgres-tables.ts';

export type PostgresOptions = {
  readonly url: string;
  /** The beginning of its schemas' names: lower-case letters and digits. */
  readonly prefix: string;
  /** Several processes open the same tables, and one of them writes at a time. */
  readonly shared?: boolean;
  /** How long a start waits for a server that isn't up yet. */
  readonly waitMs?: number;
};

const lackedRight = '42501';

export class PostgresDatabase implements Database {
  private readonly url: string;
  private readonly prefix: string;
  private readonly shared: boolean;
  private readonly waitMs: number;
  private readonly schemas: PostgresSchemas;

  constructor(
    { url, prefix, shared = false, waitMs = 10_000 }: PostgresOptions,
    private readonly log: Pick<BaseLogger, 'warn'>,
  ) {
    this.url = url;
    this.prefix = prefix;
    this.shared = shared;
    this.waitMs = waitMs;
    this.schemas = new PostgresSchemas(prefix);
  }

  async bindTo(log: FollowedLog): Promise<void> {
    const { origin, checkpoints } = await this.withClient(async (client) => {
      await checkServer(client);
      const origin = await this.withLock(client, () => recordedOrigin(client, this.prefix, log.origin));
      return { origin, checkpoints: await this.schemas.checkpoints(client) };
    }, this.waitForServer());
    const conflict = await findLogConflict(log, { prefix: this.prefix, origin, checkpoints }, this.waitMs);
    if (conflict && !log.acceptLostTail) throw new DatabaseUnusable(conflict.sentence);
    if (conflict?.lost) log.acceptLostTail?.(conflict.lost);
    if (conflict || log.startOver) await this.startOver([...checkpoints.keys()], log.origin);
  }

  /** @throws DatabaseUnusable while replicas run */
  private async startOver(schemas: readonly string[], origin: string | undefined): Promise<void> {
    await this.withClient((client) =>
      this.withLock(client, async () => {
        for (const schema of schemas) {
          if (await isInUse(schema, queryOn(client)))
            throw new DatabaseUnusable(
              `Replicas use ${schema}, which has to be rebuilt from what is left of the log. Stop them all first.`,
            );
          await client.query(`DROP SCHEMA ${quoted(schema)} CASCADE`);
        }
        await client.query(`DELETE FROM ${quoted(this.prefix)}.log`);
        await recordedOrigin(client, this.prefix, origin);
      }),
    );
    this.log.warn(`Dropped ${schemas.join(', ') || 'no schema'}: rebuilding from what is left of the log.`);
  }

  async open<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    { exclusiveVersion = false }: { readonly exclusiveVersion?: boolean } = {},
  ): Promise<Tables<S>> {
    const build = (await this.builds(name, version)).at(-1) ?? 0;
    const schema = this.schemas.nameOf(name, version, build);
    return this.shared
      ? this.openShared(schema, build, createTables, {
          findInUse: this.schemas.findOthersInUse(schema, name),
          areExcluded: exclusiveVersion,
        })
      : this.openAlone(schema, build, createTables, await connectWriter(this.url, schema));
  }

  private async openAlone<S extends CheckpointSchema>(
    schema: string,
    build: number,
    createTables: CreateTables<S>,
    writer: Client,
  ): Promise<PostgresTables<S>> {
    try {
      return await this.withLock(writer, async () => {
        const { types, checkpoint } = await openSchema(writer, schema, createTables);
        return new PostgresTables<S>(this.url, schema, build, writer, types, checkpoint);
      });
    } catch (error) {
      await writer.end().catch(() => undefined);
      throw this.withRemedy(error);
    }
  }

  private openShared<S extends CheckpointSchema>(
    schema: string,
    build: number,
    createTables: CreateTables<S>,
    others: OtherVersions,
  ): Promise<PostgresTables<S>> {
    const open = (client: Client) =>
      this.withLock(client, async () => {
        const { newer } = others.areExcluded ? await others.findInUse(queryOn(client)) : {};
        if (newer !== undefined) throw supersededBy(newer, schema);
        const { types, checkpoint } = await openSchema(client, schema, createTables);
        return new PostgresTables<S>(this.url, schema, build, others, types, checkpoint);
      });
    return this.withClient(open, connect(this.url, schema, writerSettings(schema)));
  }

  openForQueries<S extends CheckpointSchema>(name: string, version: number, build?: number): Promise<ReadOnlyTables<S>> {
    return this.openReadOnly(name, version, build);
  }

  async openReadOnly<S extends CheckpointSchema>(name: string, version: number, build?: number): Promise<ReadOnlyTables<S>> {
    return openReadOnly<S>(this.url, this.schemas.nameOf(name, version, build ?? (await this.builds(name, version)).at(-1) ?? 0));
  }

  async versions(name: string): Promise<readonly number[]> {
    const builds = await this.withClient((client) => this.schemas.buildsOf(name, queryOn(client)));
    return [...new Set(builds.map(({ version }) => version))].sort((a, b) => a - b);
  }

  async builds(name: string, version: number): Promise<readonly number[]> {
    const builds = await this.withClient((client) => this.schemas.buildsOf(name, queryOn(client)));
    return builds
      .filter((each) => each.version === version)
      .map(({ build }) => build)
      .sort((a, b) => a - b);
  }

  async drop(name: string, version: number, build?: number | 'next'): Promise<void> {
    const builds = build === undefined ? [...(await this.builds(name, version)), 'next' as const] : [build];
    await this.withClient((client) =>
      this.withLock(client, async () => {
        for (const schema of builds.map((each) => this.schemas.nameOf(name, version, each)))
          if (!(await isInUse(schema, queryOn(client)))) await client.query(`DROP SCHEMA IF EXISTS ${quoted(schema)} CASCADE`);
      }),
    );
  }

  async dropUnused(name: string, version: number, build: number): Promise<void> {
    await this.withClient(async (client) => {
      if (await tryWriterLock(client, this.schemas.nameOf(name, version, build))) await this.drop(name, version, build);
    });
  }

  async openNext<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    { exclusiveVersion = false }: NextOptions = {},
  ): Promise<NextTables<S>> {
    if (exclusiveVersion) await this.withClient((client) => this.withLock(client, () => this.checkNoReplicaUses(name, version, client)));
    const schema = this.schemas.nameOf(name, version, 'next');
    const tables = await this.openAlone(schema, -1, createTables, await connectWriter(this.url, schema, { waitForLock: false }));
    return Object.assign(tables, { complete: () => Promise.resolve() }); // no index was left for the end
  }

  async finishNext(name: string, version: number, { exclusiveVersion = false }: NextOptions = {}): Promise<number> {
    const older = await this.builds(name, version);
    const build = (older.at(-1) ?? 0) + 1;
    const nameOf = (each: number | 'next') => this.schemas.nameOf(name, version, each);
    await this.withClient((client) =>
      this.withLock(client, async () => {
        if (exclusiveVersion) await this.checkNoReplicaUses(name, version, client);
        await client.query(`ALTER SCHEMA ${quoted(nameOf('next'))} RENAME TO ${quoted(nameOf(build))}`);
        for (const each of older) await client.query(newerBuildMessage(nameOf(each)));
      }),
    );
    return build;
  }

  damagedFiles(): readonly string[] {
    return []; // the server's own affair
  }

  isTransient(error: unknown): boolean {
    return isTransient(error);
  }

  /** @throws DatabaseUnusable if replicas use any build: they could not all switch to a new one at the same moment */
  private async checkNoReplicaUses(name: string, version: number, client: Client): Promise<void> {
    for (const build of await this.builds(name, version)) {
      const schema = this.schemas.nameOf(name, version, build);
      if (await isInUse(schema, queryOn(client)))
        throw new DatabaseUnusable(
          `Replicas send due attempts from ${schema}, and can't all switch to rebuilt tables at the same moment. Stop them, rebuild, and start them again. The build so far is kept.`,
        );
    }
  }

  private async waitForServer(): Promise<Client> {
    const giveUp = performance.now() + this.waitMs;
    let isReported = false;
    for (const backoff = new Backoff({ firstMs: 100, longestMs: 500 }); ; await backoff.pause()) {
      try {
        return await this.connect();
      } catch (error) {
        if (!isTransient(error)) throw error;
        if (performance.now() > giveUp) throw new DatabaseUnusable(error.message, { cause: error });
        if (!isReported) this.log.warn({ err: error }, `${error.message} Retrying for ${this.waitMs / 1000} s.`);
        isReported = true;
      }
    }
  }

  private connect(): Promise<Client> {
    return connect(this.url, this.prefix, []);
  }

  private async withClient<T>(work: (client: Client) => Promise<T>, connecting = this.connect()): Promise<T> {
    const client = await connecting;
    try {
      return await work(client);
    } catch (error) {
      throw this.withRemedy(error);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Runs `work` in a transaction, in one process at a time. */
  private async withLock<T>(client: Client, work: () => Promise<T>): Promise<T> {
    await client.query('BEGIN');
    await client.query('SET LOCAL lock_timeout TO 30000');
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`hookledger ${this.prefix}`]);
    const result = await work();
    await client.query('COMMIT');
    return result;
  }

  private withRemedy(error: unknown): unknown {
    if (!(error instanceof DatabaseError && error.code === lackedRight)) return error;
    const sentence = `The database user lacks a right (${error.message}); make it the owner of all schemas whose names begin with ${this.prefix}.`;
    return new DatabaseUnusable(sentence, { cause: error });
  }
}

/** Creates the schema if it doesn't exist. @throws DatabaseUnusable if it isn't ours */
const openSchema = async <S extends CheckpointSchema>(client: Client, schema: string, createTables: CreateTables<S>) => {
  if (!(await schemaExists(client, schema))) await createSchema(client, schema, createTables);
  const types = await columnTypesIn(client, schema);
  if (!types.has('checkpoint'))
    throw new DatabaseUnusable(
      `The schema ${schema} of the database is not Hookledger's; rename it, or set HOOKLEDGER_DATABASE_PREFIX to something else.`,
    );
  return { types, checkpoint: await checkpointIn(client, schema) };
};
