// One version of one consumer in PostgreSQL: a connection that writes, and a few that read.
// Guarantee: rows and checkpoint commit together, on the one connection of all processes that may write, and only on top of the checkpoint that
// this process knows.
import { sql, type Kysely } from 'kysely';
import type { Client } from 'pg';
import type { Position } from '../../../domain/ids.ts';
import {
  CheckpointMoved,
  DatabaseUnavailable,
  type CheckpointSchema,
  type Tables,
  type ReadOnlyTables,
  type Transaction,
} from './database.ts';
import { isAnswer, unavailable } from './postgres-connection.ts';
import { connectWriter, kyselyAsking, openReadOnly } from './postgres-sessions.ts';
import { checkpointMessage, PostgresReplicaGroup, type FindOtherVersionsInUse } from './postgres-replica-group.ts';
import { PostgresTransaction, type ColumnTypes } from './postgres-transaction.ts';

type Statement = { name?: string; text: string; values?: unknown[] };

/** Statements that are not answered: while the server carries one out, the next is made. */
const mostUnderWay = 2;

export class PostgresTables<S extends CheckpointSchema> implements Tables<S> {
  readonly read: Kysely<S>;
  readonly group?: PostgresReplicaGroup<S>;
  private readonly tx: PostgresTransaction<S>;
  private readonly reader: ReadOnlyTables<S>;
  private client: Client | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private underWay: Promise<void>[] = [];
  /** What the database answered first to the running transaction that was not what was hoped for; all that comes after it fails as well. */
  private failure: unknown;
  /** Whether the connection was lost before COMMIT was answered: what it would have made of the checkpoint, and what the work returned. */
  private inDoubt: { readonly checkpoint: Position; readonly result: unknown } | undefined;

  /**
   * @param client what writes, until it is lost; then there is another. Undefined: others have the namespace open, too
   * @param known the checkpoint that stands
   */
  constructor(
    private readonly url: string,
    private readonly schema: string,
    readonly build: number,
    client: Client | undefined,
    types: ColumnTypes,
    private known: Position | undefined,
    rivals?: FindOtherVersionsInUse,
  ) {
    this.client = client;
    if (client) this.forgetWhenLost(client);
    else
      this.group = new PostgresReplicaGroup<S>(
        url,
        schema,
        (by) => {
          this.client = by?.client;
          this.known = by ? by.checkpoint : this.known;
          this.inDoubt = undefined;
        },
        rivals,
      );
    this.reader = openReadOnly<S>(url, schema);
    this.read = this.reader.read;
    const kysely = kyselyAsking<S>((text, values) => this.ask({ text, values: [...values] }));
    this.tx = new PostgresTransaction({ ask: (query) => this.ask(query), send: (query) => this.send(query) }, types, kysely);
  }

  transaction<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint?: Position): Promise<T> {
    const done = this.last.then(() => this.carryOut(work, checkpoint));
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
    return this.known;
  }

  async close(): Promise<void> {
    await this.last;
    await this.client?.end();
    this.client = undefined;
    await this.group?.close();
    await this.reader.close();
  }

  private async carryOut<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint: Position | undefined): Promise<T> {
    await this.connected();
    const committed = await this.resolveDoubt(checkpoint);
    if (committed) return committed.result as T; // of the same work
    this.failure = undefined;
    let result: T;
    try {
      await this.send({ text: 'BEGIN' });
      result = await work(this.tx);
      if (checkpoint !== undefined) await this.move(checkpoint);
      await Promise.all(this.underWay);
    } catch (error) {
      const first = this.failure ?? error;
      await this.ask({ text: 'ROLLBACK' }).catch(() => undefined); // without a connection it is rolled back already
      throw first;
    } finally {
      this.underWay = [];
    }
    if (checkpoint !== undefined) this.inDoubt = { checkpoint, result };
    await this.commit();
    this.known = checkpoint ?? this.known;
    return result;
  }

  private async connected(): Promise<void> {
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
      if (isAnswer(error)) this.inDoubt = undefined; // it did not
      throw error;
    }
    this.inDoubt = undefined;
  }

  /** Only from where this process believes it to be: another one may have taken the consumer over. */
  private async move(to: Position): Promise<void> {
    const { rowCount } =
      this.known === undefined
        ? await this.ask({ text: 'INSERT INTO checkpoint VALUES (1, $1) ON CONFLICT DO NOTHING', values: [to] })
        : await this.ask({ text: 'UPDATE checkpoint SET position = $1 WHERE position = $2', values: [to, this.known] });
    if (rowCount === 1) return this.group && this.send(checkpointMessage(this.schema, to));
    throw new CheckpointMoved(
      `The checkpoint of ${this.schema} is not where this process left it: another one has written there, or the server has lost what it had committed. Start this one again, and it goes on from there.`,
    );
  }

  /** @returns what was in doubt, when it did commit and is what is asked for again. */
  private async resolveDoubt(checkpoint: Position | undefined): Promise<{ readonly result: unknown } | undefined> {
    const { inDoubt } = this;
    if (!inDoubt) return undefined;
    const { rows } = await this.ask({ text: 'SELECT position FROM checkpoint' });
    this.inDoubt = undefined;
    if (rows[0]?.position !== inDoubt.checkpoint) return undefined;
    this.known = inDoubt.checkpoint;
    return checkpoint === inDoubt.checkpoint ? inDoubt : undefined;
  }

  private async send(statement: Statement): Promise<void> {
    const answered = this.ask(statement).then(() => undefined);
    answered.catch(() => undefined); // `failure` has it
    this.underWay.push(answered);
    if (this.underWay.length > mostUnderWay) await this.underWay.shift();
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
        if (this.group) this.group.gone(client);
        else await client.end().catch(() => undefined);
      }
      throw failure;
    }
  }
}
