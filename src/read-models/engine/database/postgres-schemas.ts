// The schemas of a PostgreSQL database: their names, which of them exist or are in use, how they are created, and what they contain.
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
import type { Client } from 'pg';
import type { Position } from '../../../domain/ids.ts';
import type { BuildId, CheckpointSchema, CreateTables } from './database.ts';
import { quoted } from './postgres-connection.ts';
import { kyselyOn, queryOn, usersLock, type RunQuery } from './postgres-sessions.ts';
import type { ColumnTypes } from './postgres-transaction.ts';

/** The other versions and builds of a consumer. */
export type OtherVersions = {
  /** Finds those that some process has open: one older and one newer than this, by schema name. */
  readonly findInUse: (query: RunQuery) => Promise<{ readonly older: string | undefined; readonly newer: string | undefined }>;
  /** None of them may be in use while this one is. */
  readonly areExcluded: boolean;
};

export class PostgresSchemas {
  constructor(private readonly prefix: string) {}

  nameOf(consumer: string, version: number, build: number | 'next'): string {
    const schema = `${this.prefixOf(consumer)}_${version}`;
    if (build === 'next') return `${schema}_next`;
    return build === 0 ? schema : `${schema}_b${build}`;
  }

  async buildsOf(consumer: string, query: RunQuery): Promise<BuildId[]> {
    const names = await this.names(query);
    return names.map((name) => this.parse(name, consumer)).filter((id) => id !== undefined);
  }

  findOthersInUse(schema: string, consumer: string): OtherVersions['findInUse'] {
    const own = this.parse(schema, consumer) ?? { version: 0, build: 0 };
    return async (query) => {
      const used: { schema: string; age: number }[] = [];
      for (const each of await this.names(query)) {
        const id = this.parse(each, consumer);
        if (id && each !== schema && (await isInUse(each, query)))
          used.push({ schema: each, age: own.version - id.version || own.build - id.build });
      }
      return { older: used.find(({ age }) => age > 0)?.schema, newer: used.find(({ age }) => age < 0)?.schema };
    };
  }

  /** By schema name. Leaves out schemas in which nothing is applied. */
  async checkpoints(client: Client): Promise<ReadonlyMap<string, Position>> {
    const found = new Map<string, Position>();
    for (const schema of (await this.names(queryOn(client))).sort()) {
      const checkpoint = await checkpointIn(client, schema);
      if (checkpoint !== undefined) found.set(schema, checkpoint);
    }
    return found;
  }

  /** Undefined: the schema isn't a finished build of this consumer. */
  private parse(schema: string, consumer: string): BuildId | undefined {
    const [, prefix, version, build = '0'] = /^(.+)_(\d+)(?:_b(\d+))?$/.exec(schema) ?? [];
    return prefix === this.prefixOf(consumer) ? { version: Number(version), build: Number(build) } : undefined;
  }

  private prefixOf(consumer: string): string {
    return `${this.prefix}_${consumer.replaceAll('-', '_')}`;
  }

  private async names(query: RunQuery): Promise<string[]> {
    const pattern = `^${this.prefix}_[a-z0-9_]+_[0-9]+(_b[0-9]+|_next)?$`;
    const rows = await query<{ nspname: string }>('SELECT nspname FROM pg_namespace WHERE nspname ~ $1', [pattern]);
    return rows.map(({ nspname }) => nspname);
  }
}

/** Whether a process that shares the schema with others has it open. */
export const isInUse = async (schema: string, query: RunQuery): Promise<boolean> => {
  const [row] = await query<{ free: boolean }>('SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS free', [usersLock(schema)]);
  return row?.free !== true;
};

export const schemaExists = async (client: Client, schema: string): Promise<boolean> =>
  (await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])).rows.length > 0;

/** Undefined: nothing is applied, or the schema isn't ours. */
export const checkpointIn = async (client: Client, schema: string): Promise<Position | undefined> => {
  const { rows: found } = await client.query('SELECT to_regclass($1) AS table', [`${quoted(schema)}.checkpoint`]);
  if (found[0]?.table === null) return undefined;
  const { rows } = await client.query<{ position: Position }>(`SELECT position FROM ${quoted(schema)}.checkpoint`);
  return rows[0]?.position;
};

export const columnTypesIn = async (client: Client, schema: string): Promise<ColumnTypes> => {
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

/** The client's search path must begin with the schema. */
export const createSchema = async <S extends CheckpointSchema>(
  client: Client,
  schema: string,
  createTables: CreateTables<S>,
): Promise<void> => {
  await client.query(`CREATE SCHEMA ${quoted(schema)}`);
  await client.query('CREATE TABLE checkpoint (id integer PRIMARY KEY, position text NOT NULL)');
  await createTables(kyselyOn<S>(client).withPlugin(new TextsByTheirBytes()), 'bigint');
};

/** Makes texts compare by their bytes, as in SQLite, whatever the database's own collation: cheaper, and the same everywhere. */
class TextsByTheirBytes extends OperationNodeTransformer implements KyselyPlugin {
  protected override transformDataType(node: DataTypeNode): DataTypeNode {
    return node.dataType === 'text' ? { ...node, dataType: 'text COLLATE "C"' as 'text' } : node; // Kysely's compiler prints it unchanged
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    return this.transformNode(node);
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    return result;
  }
}
