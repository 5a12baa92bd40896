// The shared database: a PostgreSQL schema for each version of each consumer, `<prefix>_<consumer>_<version>` (built anew, `…_b<build>`), and
// one, `<prefix>`, that says whose log they are of. Any number of processes may open it: whatever makes or drops a schema holds a lock.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  OperationNodeTransformer,
  type DataTypeNode,
  type KyselyPlugin,
  type PluginTransformQueryArgs,
  type PluginTransformResultArgs,
  type QueryResult,
  type RootOperationNode,
  type UnknownRow,
} from 'kysely';
import { DatabaseError, type Client } from 'pg';
import type { BaseLogger } from 'pino';
import type { Position } from '../../../domain/ids.ts';
import {
  DatabaseUnusable,
  type CheckpointSchema,
  type CreateTables,
  type Database,
  type FollowedLog,
  type Tables,
  type NextTables,
  type NextOptions,
  type ReadOnlyTables,
} from './database.ts';
import { connect, isTransient, quoted } from './postgres-connection.ts';
import { PostgresTables } from './postgres-tables.ts';
import { connectWriter, kyselyOn, tryWriterLock, openReadOnly, usersLock, writerSettings } from './postgres-sessions.ts';
import { queryOn, newerBuildMessage, supersededBy, type RunQuery, type FindOtherVersionsInUse } from './postgres-replica-group.ts';
import type { ColumnTypes } from './postgres-transaction.ts';

export type PostgresOptions = {
  readonly url: string;
  /** What the names of its schemas begin with: small letters and digits. */
  readonly prefix: string;
  /** Several processes follow the log, each with a database of these: one of them writes at a time. */
  readonly shared?: boolean;
  /** How long the start waits for a server that is not there yet, at most. */
  readonly waitMs?: number;
};

const oldestServer = 14;
const tryAgainMs = 250;
/** A log of several servers may show its end a moment later on one than on another. */
const longestTipMs = 2_000;
const noRight = '42501';

export class PostgresDatabase implements Database {
  private readonly url: string;
  private readonly prefix: string;
  private readonly shared: boolean;
  private readonly waitMs: number;

  constructor(
    { url, prefix, shared = false, waitMs = 10_000 }: PostgresOptions,
    private readonly log: Pick<BaseLogger, 'warn'>,
  ) {
    this.url = url;
    this.prefix = prefix;
    this.shared = shared;
    this.waitMs = waitMs;
  }

  async bindTo(log: FollowedLog): Promise<void> {
    const { known, checkpoints } = await this.asking(async (client) => {
      await this.checkServer(client);
      const known = await this.exclusively(client, () => this.originOrElse(client, log.origin));
      return { known, checkpoints: await this.checkpoints(client) };
    }, this.waitForServer());
    const anew = `drop its schemas, and they are built anew from the log: DROP SCHEMA ${[this.prefix, ...checkpoints.keys()].map(quoted).join(', ')} CASCADE`;
    if (known !== log.origin)
      throw new DatabaseUnusable(
        `The database holds the views of another log: that one began ${known}, this one ${log.origin ?? 'is empty'}. Name this log's own database in HOOKLEDGER_DATABASE_URL, or another HOOKLEDGER_DATABASE_PREFIX; or, if the log was replaced on purpose, ${anew}`,
      );
    const tip = await tipOf(log, [...checkpoints.values()].sort().at(-1), Math.min(this.waitMs, longestTipMs));
    for (const [schema, checkpoint] of checkpoints)
      if (tip === undefined || checkpoint > tip)
        throw new DatabaseUnusable(
          `The database is ahead of the log: ${schema} is at position ${checkpoint}, and the log ends at ${tip ?? 'its beginning'}, so they come from different backups. Restore the log that belongs to the database; or, if this log is the one to go on with, ${anew}`,
        );
  }

  async open<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    { exclusiveVersion = false }: { readonly exclusiveVersion?: boolean } = {},
  ): Promise<Tables<S>> {
    const build = (await this.builds(name, version)).at(-1) ?? 0;
    const how = this.shared ? 'shared' : 'alone';
    return this.openSchema(this.schema(name, version, build), build, createTables, how, exclusiveVersion ? name : undefined);
  }

  /**
   * @param how `next`: alone, and at once or not at all
   * @param only of this consumer no newer schema may be in use
   */
  private async openSchema<S extends CheckpointSchema>(
    schema: string,
    build: number,
    createTables: CreateTables<S>,
    how: 'shared' | 'alone' | 'next',
    only?: string,
  ): Promise<PostgresTables<S>> {
    const isShared = how === 'shared';
    const rivals = only !== undefined && isShared ? this.rivalsOf(schema, only) : undefined;
    const client = isShared
      ? await connect(this.url, schema, writerSettings(schema))
      : await connectWriter(this.url, schema, how === 'next' ? 0 : undefined);
    try {
      const namespace = await this.exclusively(client, async () => {
        const { newer } = rivals ? await rivals(queryOn(client)) : {};
        if (newer !== undefined) throw supersededBy(schema, newer);
        const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
        if (rows.length === 0) await this.create(client, schema, createTables);
        const types = await columnTypes(client, schema);
        if (!types.has('checkpoint'))
          throw new DatabaseUnusable(
            `The schema ${schema} of the database is not Hookledger's; rename it, or set HOOKLEDGER_DATABASE_PREFIX to something else.`,
          );
        const checkpoint = await checkpointOf(client, schema);
        return new PostgresTables<S>(this.url, schema, build, isShared ? undefined : client, types, checkpoint, rivals);
      });
      if (isShared) await client.end();
      return namespace;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw this.explained(error);
    }
  }

  async openReadOnly<S extends CheckpointSchema>(name: string, version: number, build?: number): Promise<ReadOnlyTables<S>> {
    return openReadOnly<S>(this.url, this.schema(name, version, build ?? (await this.builds(name, version)).at(-1) ?? 0));
  }

  async versions(name: string): Promise<readonly number[]> {
    return [...new Set((await this.standing(name)).map(({ version }) => version))].sort((a, b) => a - b);
  }

  async builds(name: string, version: number): Promise<readonly number[]> {
    const builds = (await this.standing(name)).filter((each) => each.version === version).map(({ build }) => build);
    return builds.sort((a, b) => a - b);
  }

  async drop(name: string, version: number, build?: number | 'next'): Promise<void> {
    const builds = build === undefined ? [...(await this.builds(name, version)), 'next' as const] : [build];
    await this.asking((client) =>
      this.exclusively(client, async () => {
        for (const schema of builds.map((each) => this.schema(name, version, each)))
          if (!(await isUsed(queryOn(client), schema))) await client.query(`DROP SCHEMA IF EXISTS ${quoted(schema)} CASCADE`);
      }),
    );
  }

  async dropUnused(name: string, version: number, build: number): Promise<void> {
    await this.asking(async (client) => {
      if (await tryWriterLock(client, this.schema(name, version, build))) await this.drop(name, version, build);
    });
  }

  async openNext<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    { exclusiveVersion = false }: NextOptions = {},
  ): Promise<NextTables<S>> {
    if (exclusiveVersion) await this.asking((client) => this.exclusively(client, () => this.checkUnshared(client, name, version)));
    const namespace = await this.openSchema(this.schema(name, version, 'next'), -1, createTables, 'next');
    return Object.assign(namespace, { complete: () => Promise.resolve() }); // it is written with all its indexes
  }

  async finishNext(name: string, version: number, { exclusiveVersion = false }: NextOptions = {}): Promise<number> {
    const older = await this.builds(name, version);
    const build = (older.at(-1) ?? 0) + 1;
    const statement = `ALTER SCHEMA ${quoted(this.schema(name, version, 'next'))} RENAME TO ${quoted(this.schema(name, version, build))}`;
    await this.asking((client) =>
      this.exclusively(client, async () => {
        if (exclusiveVersion) await this.checkUnshared(client, name, version);
        await client.query(statement);
        for (const each of older) await client.query(newerBuildMessage(this.schema(name, version, each)));
      }),
    );
    return build;
  }

  /** What replicas send by, they could not all change at one time. */
  private async checkUnshared(client: Client, name: string, version: number): Promise<void> {
    for (const build of await this.builds(name, version))
      if (await isUsed(queryOn(client), this.schema(name, version, build)))
        throw new DatabaseUnusable(
          `Replicas of Hookledger send what is due by ${this.schema(name, version, build)}, and can't all change over to what is built anew at one moment. Stop them, build it, and start them again; what is built so far is kept.`,
        );
  }

  isTransient(error: unknown): boolean {
    return isTransient(error);
  }

  private schema(name: string, version: number, build: number | 'next'): string {
    const schema = `${this.prefix}_${name.replaceAll('-', '_')}_${version}`;
    if (build === 'next') return `${schema}_next`;
    return build === 0 ? schema : `${schema}_b${build}`;
  }

  /** Which version and build of a consumer a schema is; undefined: none. */
  private placeOf(schema: string, name: string | undefined): { version: number; build: number } | undefined {
    const [, consumer, version, build = '0'] = /^(.+)_(\d+)(?:_b(\d+))?$/.exec(schema) ?? [];
    return consumer === `${this.prefix}_${name?.replaceAll('-', '_')}` ? { version: Number(version), build: Number(build) } : undefined;
  }

  /** Those of consumers. */
  private async schemas(ask: RunQuery): Promise<string[]> {
    const rows = await ask('SELECT nspname FROM pg_namespace WHERE nspname ~ $1', [`^${this.prefix}_[a-z0-9_]+_[0-9]+(_b[0-9]+|_next)?$`]);
    return rows.map(({ nspname }) => nspname as string);
  }

  private rivalsOf(schema: string, name: string): FindOtherVersionsInUse {
    const own = this.placeOf(schema, name) ?? { version: 0, build: 0 };
    return async (ask) => {
      const used: { schema: string; age: number }[] = [];
      for (const each of await this.schemas(ask)) {
        const place = this.placeOf(each, name);
        if (place && each !== schema && (await isUsed(ask, each)))
          used.push({ schema: each, age: own.version - place.version || own.build - place.build });
      }
      return { older: used.find(({ age }) => age > 0)?.schema, newer: used.find(({ age }) => age < 0)?.schema };
    };
  }

  private async standing(name: string): Promise<{ version: number; build: number }[]> {
    const schemas = await this.asking((client) => this.schemas(queryOn(client)));
    return schemas.map((schema) => this.placeOf(schema, name)).filter((place) => place !== undefined);
  }

  private async create<S extends CheckpointSchema>(client: Client, schema: string, createTables: CreateTables<S>): Promise<void> {
    await client.query(`CREATE SCHEMA ${quoted(schema)}`);
    await client.query('CREATE TABLE checkpoint (id integer PRIMARY KEY, position text NOT NULL)');
    await createTables(kyselyOn<S>(client).withPlugin(new TextsByTheirBytes()), 'bigint');
  }

  private async waitForServer(): Promise<Client> {
    const giveUp = performance.now() + this.waitMs;
    for (let told = false; ; told = true) {
      try {
        return await this.connect();
      } catch (error) {
        if (!isTransient(error)) throw error;
        const { message } = error as Error;
        if (performance.now() > giveUp) throw new DatabaseUnusable(message, { cause: error });
        if (!told) this.log.warn({ err: error }, `${message} It is tried for ${this.waitMs / 1000} s.`);
        await sleep(tryAgainMs);
      }
    }
  }

  /** @throws DatabaseUnusable for what could only fail later, and less clearly. */
  private async checkServer(client: Client): Promise<void> {
    const { rows } = await client.query(
      `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS name, pg_is_in_recovery() AS standby,
              current_setting('server_encoding') AS encoding, current_database() AS database, current_user AS user,
              has_database_privilege(current_database(), 'CREATE') AS may_create`,
    );
    const { version, name, standby, encoding, database, user, may_create: mayCreate } = rows[0];
    if (version < oldestServer * 10_000)
      throw new DatabaseUnusable(`The database runs on PostgreSQL ${name}, and ${oldestServer} or newer is needed; upgrade the server.`);
    if (standby)
      throw new DatabaseUnusable('The database is a standby that only reads; name the primary server in HOOKLEDGER_DATABASE_URL.');
    if (encoding !== 'UTF8')
      throw new DatabaseUnusable(
        `The database "${database}" is encoded in ${encoding}; create one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`,
      );
    if (!mayCreate)
      throw new DatabaseUnusable(
        `The user "${user}" may not make schemas in the database "${database}"; as its owner, run: GRANT CREATE ON DATABASE ${quoted(database)} TO ${quoted(user)}`,
      );
  }

  /** The origin of the log that the schemas are of: this one, if none is written down. */
  private async originOrElse(client: Client, origin: string | undefined): Promise<string | undefined> {
    const schema = quoted(this.prefix);
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await client.query(`CREATE TABLE IF NOT EXISTS ${schema}.log (id integer PRIMARY KEY, origin text NOT NULL)`);
    const { rows } = await client.query<{ origin: string }>(`SELECT origin FROM ${schema}.log`);
    if (rows.length === 0 && origin !== undefined) await client.query(`INSERT INTO ${schema}.log VALUES (1, $1)`, [origin]);
    return rows[0]?.origin ?? origin;
  }

  /** By schema, where anything is applied. */
  private async checkpoints(client: Client): Promise<ReadonlyMap<string, Position>> {
    const found = new Map<string, Position>();
    for (const schema of (await this.schemas(queryOn(client))).sort()) {
      const checkpoint = await checkpointOf(client, schema);
      if (checkpoint !== undefined) found.set(schema, checkpoint);
    }
    return found;
  }

  private connect(): Promise<Client> {
    return connect(this.url, this.prefix, []);
  }

  private async asking<T>(work: (client: Client) => Promise<T>, connecting = this.connect()): Promise<T> {
    const client = await connecting;
    try {
      return await work(client);
    } catch (error) {
      throw this.explained(error);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** In a transaction, and one process at a time. */
  private async exclusively<T>(client: Client, work: () => Promise<T>): Promise<T> {
    await client.query('BEGIN');
    await client.query('SET LOCAL lock_timeout TO 30000');
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`hookledger ${this.prefix}`]);
    const result = await work();
    await client.query('COMMIT');
    return result;
  }

  private explained(error: unknown): unknown {
    if (!(error instanceof DatabaseError && error.code === noRight)) return error;
    const sentence = `The user of the database lacks a right in it (${error.message}); make it the owner of all schemas that begin with ${this.prefix}.`;
    return new DatabaseUnusable(sentence, { cause: error });
  }
}

/** Texts compare as they do in SQLite, whatever the database's own order is: cheaper, and the same everywhere. */
class TextsByTheirBytes extends OperationNodeTransformer implements KyselyPlugin {
  protected override transformDataType(node: DataTypeNode): DataTypeNode {
    return node.dataType === 'text' ? { ...node, dataType: 'text COLLATE "C"' as 'text' } : node; // the compiler writes it as it is
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    return this.transformNode(node);
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    return result;
  }
}

/** Waits a moment for it to reach a position, should it be behind. */
const tipOf = async ({ tip }: FollowedLog, position: Position | undefined, waitMs: number): Promise<Position | undefined> => {
  for (const giveUp = performance.now() + waitMs; ; await sleep(tryAgainMs)) {
    const end = await tip();
    if (position === undefined || (end !== undefined && end >= position) || performance.now() > giveUp) return end;
  }
};

/** Whether a process among several has it open. */
const isUsed = async (ask: RunQuery, schema: string): Promise<boolean> => {
  const [row] = await ask('SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS free', [usersLock(schema)]);
  return row?.['free'] !== true;
};

const columnTypes = async (client: Client, schema: string): Promise<ColumnTypes> => {
  const types = new Map<string, Map<string, number>>();
  const { rows } = await client.query<{ table: string; column: string; type: number }>(
    `SELECT relname AS table, attname AS column, atttypid::int AS type
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname = $1 AND relkind = 'r' AND attnum > 0 AND NOT attisdropped`,
    [schema],
  );
  for (const { table, column, type } of rows) {
    let columns = types.get(table);
    if (!columns) types.set(table, (columns = new Map()));
    columns.set(column, type);
  }
  return types;
};

/** Undefined: nothing is applied, or the schema is none of ours. */
const checkpointOf = async (client: Client, schema: string): Promise<Position | undefined> => {
  const { rows: found } = await client.query('SELECT to_regclass($1) AS table', [`${quoted(schema)}.checkpoint`]);
  if (found[0]?.table === null) return undefined;
  const { rows } = await client.query<{ position: Position }>(`SELECT position FROM ${quoted(schema)}.checkpoint`);
  return rows[0]?.position;
};
