// A consumer's tables in PostgreSQL: one connection that writes and a few that read.
// Guarantee: rows and checkpoint commit together, on the one connection, of all processes, that may write, and only on top of the checkpoint that this
// process knows.
import { sql, type Kysely } from 'kysely';
import type { Client } from 'pg';
import type { Position } from '../../../domain/ids.ts';
import {
  CheckpointMoved,
  DatabaseUnavailable,
  type CheckpointSchema,
  type ReadOnlyTables,
  type Tables,
  type Transaction,
} from './database.ts';
import { isAnswer, unavailable } from './postgres-connection.ts';
import { checkpointMessage, PostgresReplicaGroup } from './postgres-replica-group.ts';
import type { OtherVersions } from './postgres-schemas.ts';
import { connectWriter, kyselyAsking, openReadOnly } from './postgres-sessions.ts';
import { PostgresTransaction, type ColumnTypes } from './postgres-transaction.ts';

type Statement = { name?: string; text: string; values?: unknown[] };

/** How many statements may wait for their answer. The next one is prepared while the server carries out the last. */
const mostUnanswered = 2;

export class PostgresTables<S extends CheckpointSchema> implements Tables<S> {
  readonly read: Kysely<S>;
  readonly group?: PostgresReplicaGroup<S>;
  private readonly tx: PostgresTransaction<S>;
  private readonly reader: ReadOnlyTables<S>;
  private client: Client | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private unanswered: Promise<void>[] = [];
  /** The first failure of the running transaction. Everything after it fails too. */
  private failure: unknown;
  /** Set if the connection was lost before COMMIT was answered: the checkpoint it would have set, and the result of the work. */
  private inDoubt: { readonly checkpoint: Position; readonly result: unknown } | undefined;

  /**
   * @param writer the connection that writes; a lost one is replaced. Or how to find other versions in use: other processes share the tables
   * @param expected the checkpoint in the database
   */
  constructor(
    private readonly url: string,
    private readonly schema: string,
    readonly build: number,
    writer: Client | OtherVersions,
    types: ColumnTypes,
    private expected: Position | undefined,
  ) {
    if ('findInUse' in writer)
      this.group = new PostgresReplicaGroup<S>(url, schema, writer, (leader) => {
        this.client = leader?.client;
        this.expected = leader ? leader.checkpoint : this.expected;
        this.inDoubt = undefined;
      });
    else {
      this.client = writer;
      this.forgetWhenLost(writer);
    }
    this.reader = openReadOnly<S>(url, schema);
    this.read = this.reader.read;
    const kysely = kyselyAsking<S>((text, values) => this.ask({ text, values: [...values] }));
    this.tx = new PostgresTransaction({ ask: (query) => this.ask(query), send: (query) => this.send(query) }, types, kysely);
  }

  transaction<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint?: Position): Promise<T> {
    const done = this.last.then(() => this.run(work, checkpoint));
    this.last = done.catch(() => undefined);
    return done;
  }

  async hasNewerBuild(): Promise<boolean> {
    const first = this.schema.replace(/_b\d+$/, '');
    const { rows } = await sql<{ nspname: string }>`SELECT nspname FROM pg_namespace WHERE nspname ~ ${`^${first}_b[0-9]+$`}`.execute(
      this.read,
    );
    return rows.some(({ nspname }) => Number(/\d+$/.exec(nspname)?.[0]) > this.build);
  }

  async checkpoint(): Promise<Position | undefined> {
    return this.expected;
  }

  async close(): Promise<void> {
    await this.last;
    await this.client?.end();
    this.client = undefined;
    await this.group?.close();
    await this.reader.close();
  }

  private async run<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint: Position | undefined): Promise<T> {
    await this.connect();
    const committed = await this.resolveDoubt(checkpoint);
    if (committed) return committed.result as T; // the result of the same work
    this.failure = undefined;
    let result: T;
    try {
      await this.send({ text: 'BEGIN' });
      result = await work(this.tx);
      if (checkpoint !== undefined) await this.moveCheckpoint(checkpoint);
      await Promise.all(this.unanswered);
    } catch (error) {
      const first = this.failure ?? error;
      await this.ask({ text: 'ROLLBACK' }).catch(() => undefined); // if the connection is lost, the server rolls back
      throw first;
    } finally {
      this.unanswered = [];
    }
    if (checkpoint !== undefined) this.inDoubt = { checkpoint, result };
    await this.commit();
    this.expected = checkpoint ?? this.expected;
    return result;
  }

  private async connect(): Promise<void> {
    if (this.client) return;
    if (this.group) throw new DatabaseUnavailable(`Another process may write to ${this.schema} now.`);
    this.client = await connectWriter(this.url, this.schema).catch((error: unknown) => {
      throw unavailable(error);
    });
    this.forgetWhenLost(this.client);
  }

  private forgetWhenLost(client: Client): void {
    client.once('end', () => {
      if (this.client === client) this.client = undefined;
    });
  }

  private async commit(): Promise<void> {
    try {
      await this.ask({ text: 'COMMIT' });
    } catch (error) {
      if (isAnswer(error)) this.inDoubt = undefined; // the server did not commit
      throw error;
    }
    this.inDoubt = undefined;
  }

  /** Moves the checkpoint only if it is where this process left it: another process may have taken the consumer over. */
  private async moveCheckpoint(to: Position): Promise<void> {
    const { rowCount } =
      this.expected === undefined
        ? await this.ask({ text: 'INSERT INTO checkpoint VALUES (1, $1) ON CONFLICT DO NOTHING', values: [to] })
        : await this.ask({ text: 'UPDATE checkpoint SET position = $1 WHERE position = $2', values: [to, this.expected] });
    if (rowCount === 1) return this.group && this.send(checkpointMessage(this.schema, to));
    throw new CheckpointMoved(
      `The checkpoint of ${this.schema} is not where this process left it: another process has written there, or the server has lost commits. Restart this process; it resumes from the checkpoint.`,
    );
  }

  /** @returns the transaction in doubt, if it did commit and is the one requested again */
  private async resolveDoubt(checkpoint: Position | undefined): Promise<{ readonly result: unknown } | undefined> {
    const { inDoubt } = this;
    if (!inDoubt) return undefined;
    const { rows } = await this.ask({ text: 'SELECT position FROM checkpoint' });
    this.inDoubt = undefined;
    if (rows[0]?.position !== inDoubt.checkpoint) return undefined;
    this.expected = inDoubt.checkpoint;
    return checkpoint === inDoubt.checkpoint ? inDoubt : undefined;
  }

  private async send(statement: Statement): Promise<void> {
    const answered = this.ask(statement).then(() => undefined);
    answered.catch(() => undefined); // kept in `failure`
    this.unanswered.push(answered);
    if (this.unanswered.length > mostUnanswered) await this.unanswered.shift();
  }

  private async ask(statement: Statement) {
    const { client } = this;
    try {
      if (!client) throw new DatabaseUnavailable('The connection to the database was lost.');
      return await client.query(statement);
    } catch (error) {
      const failure = isAnswer(error) ? error : unavailable(error);
      this.failure ??= failure;
      if (failure !== error && client && client === this.client) {
        this.client = undefined;
        if (this.group) this.group.connectionLost(client);
        else await client.end().catch(() => undefined);
      }
      throw failure;
    }
  }
}
