// The processes that share tables in PostgreSQL. Each keeps a connection open: it listens there for commits, and competes for the lock that makes it
// the leader, the process that writes. A leader that hangs, or is cut off, is deposed by those that compete (see postgres-session-watch.ts).
// Guarantee: a process that can commit holds the lock, since it commits on the connection that holds it. Limit: a process cut off from the server notices
// within `heartbeatMs + longestHeartbeatMs`; `isSureToLead` says no earlier.
import { setTimeout as sleep } from 'node:timers/promises';
import { CompiledQuery, sql, type Kysely } from 'kysely';
import type { Client, Notification } from 'pg';
import { position, type Position } from '../../../domain/ids.ts';
import { DatabaseUnusable, type GroupListener, type ReplicaGroup, type Transaction } from './database.ts';
import { connect, isAnswer, unavailable } from './postgres-connection.ts';
import type { OtherVersions } from './postgres-schemas.ts';
import { heartbeatMs, SessionWatch, sureMs } from './postgres-session-watch.ts';
import { openSideWriter, queryOn, tryWriterLock, usersLock, writerLock, writerSettings, type RunQuery } from './postgres-sessions.ts';

const longestHeartbeatMs = 7_000;
/** How long the server may take to end a session. */
const endsWithinMs = 1_000;

/** The first letter of a notification, by its kind. Replicas of other versions read it too. */
const kinds = { checkpoint: 'm', awaited: 'a', message: 't', newerBuild: 'r' } as const;

/** Called with this process's connection and checkpoint when it becomes the leader, and with undefined when it no longer is. */
type OnLeadershipChange = (leader: { readonly client: Client; readonly checkpoint: Position | undefined } | undefined) => void;

/** For a process whose tables are out of date: going on would send everything twice. */
export const supersededBy = (newer: string, schema: string): DatabaseUnusable =>
  new DatabaseUnusable(
    `A newer version of Hookledger, or one with rebuilt tables, runs on this database: it sends due attempts from ${newer}, and this one would send them again from ${schema}. Start that version here too. To go back to this one, first stop all that run.`,
  );

export class PostgresReplicaGroup<S> implements ReplicaGroup<S> {
  readonly sideWriter: Kysely<S>;
  private readonly closeSideWriter: () => Promise<void>;
  private listener: Partial<GroupListener> = {};
  private client: Client | undefined;
  private heartbeats: NodeJS.Timeout | undefined;
  private isLeader = false;
  /** When the last answered heartbeat was sent, in `performance.now()` time. */
  private provenAt = -Infinity;
  private readonly watch = new SessionWatch();
  /** The name under which this process shows itself. */
  private member: string | undefined;

  constructor(
    private readonly url: string,
    private readonly schema: string,
    private readonly others: OtherVersions,
    private readonly onLeadershipChange: OnLeadershipChange,
  ) {
    const { db, close } = openSideWriter<S>(url, schema);
    this.sideWriter = db;
    this.closeSideWriter = close;
  }

  listen(listener: Partial<GroupListener>): void {
    this.listener = { ...this.listener, ...listener };
  }

  async standBy(): Promise<void> {
    await this.connect();
  }

  async acquireLeadership(): Promise<boolean> {
    if (this.isLeader) return true;
    const client = await this.connect();
    try {
      const began = performance.now();
      if (!(await tryWriterLock(client, this.schema)) && !(await this.depose(client))) return false;
      this.provenAt = began;
      const checkpoint = await checkpointOn(client);
      if (this.client !== client) throw new Error('it was closed');
      this.isLeader = true;
      this.onLeadershipChange({ client, checkpoint });
      return true;
    } catch (error) {
      if (isAnswer(error)) throw error;
      this.connectionLost(client);
      throw unavailable(error);
    }
  }

  async releaseLeadership(): Promise<void> {
    const { client } = this;
    if (!this.isLeader || !client) return;
    this.isLeader = false;
    this.onLeadershipChange(undefined);
    try {
      await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [writerLock(this.schema)]);
    } catch {
      this.connectionLost(client);
    }
  }

  get isSureToLead(): boolean {
    return this.isLeader && performance.now() - this.provenAt < sureMs;
  }

  async joinAs(name: string): Promise<void> {
    if (this.member === name) return;
    this.member = name;
    if (this.client) await this.showMember(this.client);
  }

  async findAbsent(names: readonly string[]): Promise<ReadonlySet<string>> {
    if (names.length === 0) return new Set();
    const free = await this.watch.findFree(names.map((name) => memberLock(this.schema, name)), this.query); // prettier-ignore
    return new Set(names.filter((name) => free.has(memberLock(this.schema, name))));
  }

  /** @returns whether the leader hung, and this process has its lock now */
  private async depose(client: Client): Promise<boolean> {
    const lock = writerLock(this.schema);
    if (!(await this.watch.findFree([lock], queryOn(client))).has(lock)) return false;
    for (const giveUp = performance.now() + endsWithinMs; performance.now() < giveUp; await sleep(50))
      if (await tryWriterLock(client, this.schema)) return true;
    return false;
  }

  private async showMember(client: Client): Promise<void> {
    if (this.member !== undefined) await client.query(lockShared, [memberLock(this.schema, this.member)]);
  }

  async isOlderInUse(): Promise<boolean> {
    return (await this.others.findInUse(this.query)).older !== undefined;
  }

  async findRunning(): Promise<'leader' | 'newer-version' | undefined> {
    const [row] = await this.query<{ free: boolean }>('SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS free', [
      writerLock(this.schema),
    ]);
    if (row?.free !== true) return 'leader';
    return (await this.others.findInUse(this.query)).newer === undefined ? undefined : 'newer-version';
  }

  hurryLeader(position: Position): void {
    this.client?.query('SELECT pg_notify($1, $2)', [this.schema, kinds.awaited + position]).catch(() => undefined); // it only saves a wait
  }

  async broadcast(message: string, tx?: Transaction<S>): Promise<void> {
    await sql`SELECT pg_notify(${this.schema}, ${kinds.message + message})`.execute(tx?.kysely ?? this.sideWriter);
  }

  /** Called by any user of the connection that finds it lost. */
  connectionLost(client: Client): void {
    if (this.client !== client) return;
    this.client = undefined;
    clearInterval(this.heartbeats);
    client.end().catch(() => undefined);
    if (!this.isLeader) return;
    this.isLeader = false;
    this.onLeadershipChange(undefined);
    this.listener.onLeadershipLost?.();
  }

  async close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    this.isLeader = false;
    clearInterval(this.heartbeats);
    await client?.end().catch(() => undefined);
    await this.closeSideWriter();
  }

  private readonly query: RunQuery = async <R>(text: string, values: readonly unknown[]) =>
    (await this.sideWriter.executeQuery<R>(CompiledQuery.raw(text, [...values]))).rows;

  /** @throws DatabaseUnavailable, or DatabaseUnusable where waiting won't help */
  private async connect(): Promise<Client> {
    if (this.client) return this.client;
    const { schema } = this;
    const client = await connect(this.url, `${schema} writer`, writerSettings(schema));
    client.on('notification', (notification) => this.handle(notification, client));
    client.once('end', () => this.connectionLost(client));
    try {
      await client.query(lockShared, [usersLock(schema)]);
      await this.showMember(client);
      // A newer version, which checks too, may have started while this process had no connection.
      const { newer } = this.others.areExcluded ? await this.others.findInUse(queryOn(client)) : {};
      if (newer !== undefined) throw supersededBy(newer, schema);
      await client.query(`LISTEN "${schema}"`);
      const checkpoint = await checkpointOn(client);
      this.client = client;
      this.startHeartbeats(client);
      if (checkpoint !== undefined) this.listener.onCheckpoint?.(checkpoint);
      this.listener.onMessage?.(undefined);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw unavailable(error);
    }
  }

  /** The client must not wait for an answer longer than the server waits for the client. */
  private startHeartbeats(client: Client): void {
    const heartbeat = { text: 'SELECT', query_timeout: longestHeartbeatMs };
    const beat = async () => {
      const sentAt = performance.now();
      try {
        await client.query(heartbeat);
      } catch (error) {
        if (!isAnswer(error)) return this.connectionLost(client);
      }
      this.provenAt = Math.max(this.provenAt, sentAt);
    };
    this.heartbeats = setInterval(() => void beat(), heartbeatMs);
  }

  private handle({ processId, payload = '' }: Notification, client: Client & { readonly processID?: number }): void {
    if (processId === client.processID) return; // sent by this process
    const content = payload.slice(1);
    if (payload.startsWith(kinds.awaited)) this.listener.onPositionAwaited?.(position.parse(content));
    else if (payload.startsWith(kinds.message)) this.listener.onMessage?.(content);
    else if (payload.startsWith(kinds.newerBuild)) this.listener.onNewerBuild?.();
    else this.listener.onCheckpoint?.(position.parse(content));
  }
}

const lockShared = 'SELECT pg_advisory_lock_shared(hashtextextended($1, 0))';
const memberLock = (schema: string, name: string) => `hookledger ${schema} ${name}`;

/** To be sent in the transaction that moves the checkpoint. */
export const checkpointMessage = (schema: string, position: Position) => ({
  text: 'SELECT pg_notify($1, $2)',
  values: [schema, kinds.checkpoint + position],
});

/** To be sent in the transaction that creates a newer build. */
export const newerBuildMessage = (schema: string) => ({ text: 'SELECT pg_notify($1, $2)', values: [schema, kinds.newerBuild] });

const checkpointOn = async (client: Client): Promise<Position | undefined> => {
  const { rows } = await client.query<{ position: Position }>('SELECT position FROM checkpoint');
  return rows[0]?.position;
};
