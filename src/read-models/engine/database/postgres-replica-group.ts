// A namespace in PostgreSQL that several processes have open. Each has a standing connection: it hears what is committed, and asks for the lock that
// makes its process the one that writes.
// Guarantee: whoever can commit holds the lock, as it commits on the connection that holds it. Limit: a process that is cut off from the server
// notices within `beatMs + longestBeatMs`, which is before the server gives its lock to another (see writerSettings).
import { CompiledQuery, sql, type Kysely } from 'kysely';
import type { Client, Notification } from 'pg';
import type { Position } from '../../../domain/ids.ts';
import { DatabaseUnusable, type ReplicaGroup, type GroupListener, type Transaction } from './database.ts';
import { connect, isAnswer, unavailable } from './postgres-connection.ts';
import { openSideWriter, usersLock, writerLock, writerSettings } from './postgres-sessions.ts';

const beatMs = 2_000;
const longestBeatMs = 7_000;

/** What the first letter of a notification says that it is. */
const kinds = { moved: 'm', awaited: 'a', told: 't', replaced: 'r' } as const;

/** Whoever writes from now on, on this connection and from this checkpoint; undefined: another process. */
export type OnLeadershipChange = (by: { readonly client: Client; readonly checkpoint: Position | undefined } | undefined) => void;

export type RunQuery = (text: string, values: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

/** Where only one version and build of a namespace may be worked on: schemas of others, before and after it, that a process has open. */
export type FindOtherVersionsInUse = (ask: RunQuery) => Promise<{ readonly older: string | undefined; readonly newer: string | undefined }>;

export const queryOn =
  (client: Client): RunQuery =>
  async (text, values) =>
    (await client.query<Record<string, unknown>>(text, [...values])).rows;

/** For whoever would go on with tables that are out of date. */
export const supersededBy = (schema: string, newer: string): DatabaseUnusable =>
  new DatabaseUnusable(
    `A newer version of Hookledger runs on this database, or one with tables that were built anew: it sends what is due by ${newer}, and this one would send it by ${schema} as well. Start that one here, too; to go back to this one, stop all that run first.`,
  );

export class PostgresReplicaGroup<S> implements ReplicaGroup<S> {
  readonly sideWriter: Kysely<S>;
  private readonly closeBeside: () => Promise<void>;
  private listener: Partial<GroupListener> = {};
  private client: Client | undefined;
  private beating: NodeJS.Timeout | undefined;
  private holds = false;

  constructor(
    private readonly url: string,
    private readonly schema: string,
    private readonly taken: OnLeadershipChange,
    private readonly rivals: FindOtherVersionsInUse = async () => ({ older: undefined, newer: undefined }),
  ) {
    const { db, close } = openSideWriter<S>(url, schema);
    this.sideWriter = db;
    this.closeBeside = close;
  }

  listen(listener: Partial<GroupListener>): void {
    this.listener = { ...this.listener, ...listener };
  }

  async standBy(): Promise<void> {
    await this.connected();
  }

  async acquireLeadership(): Promise<boolean> {
    if (this.holds) return true;
    const client = await this.connected();
    try {
      const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS held', [
        writerLock(this.schema),
      ]);
      if (!rows[0]?.held) return false;
      const checkpoint = await checkpointOn(client);
      if (this.client !== client) throw new Error('it was ended');
      this.holds = true;
      this.taken({ client, checkpoint });
      return true;
    } catch (error) {
      if (isAnswer(error)) throw error;
      this.gone(client);
      throw unavailable(error);
    }
  }

  async releaseLeadership(): Promise<void> {
    const { client } = this;
    if (!this.holds || !client) return;
    this.holds = false;
    this.taken(undefined);
    try {
      await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [writerLock(this.schema)]);
    } catch {
      this.gone(client);
    }
  }

  async isOlderInUse(): Promise<boolean> {
    const asking: RunQuery = async (text, values) =>
      (await this.sideWriter.executeQuery<Record<string, unknown>>(CompiledQuery.raw(text, [...values]))).rows;
    return (await this.rivals(asking)).older !== undefined;
  }

  hurryLeader(position: Position): void {
    this.client?.query('SELECT pg_notify($1, $2)', [this.schema, kinds.awaited + position]).catch(() => undefined); // it is hurried for nothing else
  }

  async broadcast(what: string, tx?: Transaction<S>): Promise<void> {
    await sql`SELECT pg_notify(${this.schema}, ${kinds.told + what})`.execute(tx?.kysely ?? this.sideWriter);
  }

  /** The connection was lost, as whoever used it has noticed. */
  gone(client: Client): void {
    if (this.client !== client) return;
    this.client = undefined;
    clearInterval(this.beating);
    client.end().catch(() => undefined);
    if (!this.holds) return;
    this.holds = false;
    this.taken(undefined);
    this.listener.onLeadershipLost?.();
  }

  async close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    this.holds = false;
    clearInterval(this.beating);
    await client?.end().catch(() => undefined);
    await this.closeBeside();
  }

  /** @throws DatabaseUnavailable, or DatabaseUnusable where waiting won't help */
  private async connected(): Promise<Client> {
    if (this.client) return this.client;
    const { schema } = this;
    const client = await connect(this.url, `${schema} writer`, writerSettings(schema));
    client.on('notification', (notification) => this.heard(client, notification));
    client.once('end', () => this.gone(client));
    try {
      await client.query('SELECT pg_advisory_lock_shared(hashtextextended($1, 0))', [usersLock(schema)]);
      // A newer one, which looks as well, may have found nobody here while the connection was lost.
      const { newer } = await this.rivals(queryOn(client));
      if (newer !== undefined) throw supersededBy(schema, newer);
      await client.query(`LISTEN "${schema}"`);
      const checkpoint = await checkpointOn(client);
      this.client = client;
      // It must not wait for an answer longer than the server would for one of its own.
      const beat = { text: 'SELECT', query_timeout: longestBeatMs };
      this.beating = setInterval(() => {
        client.query(beat).catch((error: unknown) => isAnswer(error) || this.gone(client));
      }, beatMs);
      if (checkpoint !== undefined) this.listener.onCheckpoint?.(checkpoint);
      this.listener.onMessage?.(undefined);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw unavailable(error);
    }
  }

  private heard(client: Client, { processId, payload = '' }: Notification): void {
    if (processId === (client as Client & { processID?: number }).processID) return; // its own words
    const what = payload.slice(1);
    if (payload.startsWith(kinds.awaited)) this.listener.onPositionAwaited?.(what as Position);
    else if (payload.startsWith(kinds.told)) this.listener.onMessage?.(what);
    else if (payload.startsWith(kinds.replaced)) this.listener.onNewerBuild?.();
    else this.listener.onCheckpoint?.(what as Position);
  }
}

/** To be sent in the transaction that moves the checkpoint. */
export const checkpointMessage = (schema: string, position: Position) => ({
  text: 'SELECT pg_notify($1, $2)',
  values: [schema, kinds.moved + position],
});

/** To be sent in the transaction that makes a newer build of it. */
export const newerBuildMessage = (schema: string) => ({ text: 'SELECT pg_notify($1, $2)', values: [schema, kinds.replaced] });

const checkpointOn = async (client: Client): Promise<Position | undefined> => {
  const { rows } = await client.query<{ position: Position }>('SELECT position FROM checkpoint');
  return rows[0]?.position;
};
