// How PostgreSQL is reached: what a connection is set to, and what its errors mean, in a sentence for those that a person can mend.
import { Client, DatabaseError, types, type ClientConfig } from 'pg';
import { DatabaseUnavailable, DatabaseUnusable } from './database.ts';

const int8 = 20;
const numeric = 1700;

const connectWithinMs = 5_000;
/** A server that hangs looks like one that is away. */
const answerWithinMs = 60_000;

/** Sums and 64-bit integers come as numbers: ours are all safe ones. */
const getTypeParser: typeof types.getTypeParser = (oid: number, format?: string) =>
  oid === int8 || oid === numeric ? Number : types.getTypeParser(oid, format as 'text');

export const clientConfig = (url: string, purpose: string): ClientConfig => ({
  connectionString: url,
  application_name: `hookledger ${purpose}`,
  connectionTimeoutMillis: connectWithinMs,
  query_timeout: answerWithinMs,
  pipeline: true,
  keepAlive: true,
  types: { getTypeParser },
});

export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/**
 * An open connection; the session is set to `settings`.
 * @throws DatabaseUnavailable, or DatabaseUnusable where waiting won't help
 */
export const connect = async (url: string, purpose: string, settings: readonly string[]): Promise<Client> => {
  let client: Client | undefined;
  try {
    client = new Client(clientConfig(url, purpose));
    client.on('error', () => undefined); // whoever asks it next is told
    await client.connect();
    if (settings.length > 0) await client.query(settings.map((each) => `SET ${each}`).join('; '));
    return client;
  } catch (error) {
    await client?.end().catch(() => undefined);
    throw failureToConnect(error, url);
  }
};

/** PostgreSQL has no U+0000 in its texts; U+FFFD stands in, for what is written and for what is asked for. */
export const withoutNul = (text: string) => (text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text);

// ── Errors ──

/** SQLSTATE classes and codes after which the same may well succeed later. */
const transient =
  /^(08...|53...|57P..|57014|40001|40P01|55P03|25P03|25006|58030)$/; /* connection, resources, shutdown, timeout, conflict, lock, standby, disk */

export const isTransient = (error: unknown): boolean =>
  error instanceof DatabaseUnavailable || (error instanceof DatabaseError && transient.test(error.code ?? ''));

/** The server refused what it was asked; the connection is as good as before. */
export const isAnswer = (error: unknown): boolean => error instanceof DatabaseError && !/^(08|57P|25P03)/.test(error.code ?? '');

export const unavailable = (error: unknown): DatabaseUnavailable =>
  error instanceof DatabaseUnavailable
    ? error
    : new DatabaseUnavailable(
        error instanceof DatabaseUnusable
          ? error.message
          : `The connection to the database was lost: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );

/** Without the password. */
const whereOf = (url: string) => {
  const { hostname, port, username, pathname, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  const place = host.startsWith('/') ? host : `${host}:${port || '5432'}`;
  return { place, user: decodeURIComponent(username), database: decodeURIComponent(pathname.slice(1)) };
};

/** By the codes of Node and of PostgreSQL; `_` is what went wrong, in the words of whoever noticed. */
const sentences = ({ place, user, database }: ReturnType<typeof whereOf>, _: string): Readonly<Record<string, string>> => ({
  ECONNREFUSED: `No database listens at ${place}; start PostgreSQL there`,
  ENOTFOUND: `The host of the database at ${place} is not known`,
  ENOENT: `There is no socket of PostgreSQL in ${place}; start it`,
  EACCES: `The socket of PostgreSQL in ${place} may not be opened by this user`,
  '28P01': `The database at ${place} refuses the user "${user}" with this password`,
  '28000': `The database at ${place} refuses the user "${user}" (${_}); allow it in pg_hba.conf`,
  '3D000': `There is no database "${database}" at ${place}; create it with: CREATE DATABASE ${quoted(database)}`,
  '42501': `The user "${user}" may not connect to the database "${database}" at ${place}; grant it the right to`,
  SASL: `The database at ${place} wants a password of the user "${user}", and there is none`,
  SSL: `The database at ${place} offers no TLS; set it up there, or use sslmode=disable`,
  FILE: `A file that the URL of the database names can't be read (${_}); put it there`,
  CERTIFICATE: `The TLS certificate of the database at ${place} is not trusted (${_}); name its authority's file as sslrootcert`,
  STRANGER: `What listens at ${place} closes the connection at once, so it may not be PostgreSQL`,
});

/** Those that may pass by themselves, while a server starts or a network comes up. */
const passing = new Set(['ECONNREFUSED']);

const kindOf = (error: Error): string => {
  const { code = '', syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof DatabaseError) return code;
  // What pg says without a code.
  if (message.startsWith('SASL:')) return 'SASL';
  if (message.includes('does not support SSL')) return 'SSL';
  if (message === 'Connection terminated unexpectedly') return 'STRANGER';
  if (syscall === 'open') return 'FILE';
  return /CERT|SIGNATURE/.test(code) ? 'CERTIFICATE' : code;
};

export const failureToConnect = (cause: unknown, url: string): DatabaseUnavailable | DatabaseUnusable => {
  const error = cause instanceof AggregateError ? cause.errors[0] : cause; // one for each address of the host
  if (!(error instanceof Error)) return new DatabaseUnavailable(String(error));
  const where = whereOf(url);
  const kind = kindOf(error);
  const sentence = sentences(where, error.message)[kind];
  if (sentence === undefined)
    return new DatabaseUnavailable(`The database at ${where.place} can't be reached: ${error.message}.`, { cause });
  const told = `${sentence}, or correct HOOKLEDGER_DATABASE_URL.`;
  return passing.has(kind) ? new DatabaseUnavailable(told, { cause }) : new DatabaseUnusable(told, { cause });
};
