// Connecting to PostgreSQL: connection settings, and what errors mean, in sentences that say how to fix what a person can fix.
import { Client, DatabaseError, types, type ClientConfig } from 'pg';
import { DatabaseUnavailable, DatabaseUnusable } from './database.ts';

const int8 = 20;
const numeric = 1700;

const connectWithinMs = 5_000;
/** A server that hangs counts as unavailable. */
const answerWithinMs = 60_000;

/** Reads sums and 64-bit integers as numbers; ours are all safe integers. */
const getTypeParser: typeof types.getTypeParser = (oid: number, format?: string) =>
  oid === int8 || oid === numeric ? Number : types.getTypeParser(oid, format === 'binary' ? 'binary' : 'text');

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
 * Opens a connection and applies `settings` to its session.
 * @throws DatabaseUnavailable, or DatabaseUnusable where waiting won't help
 */
export const connect = async (url: string, purpose: string, settings: readonly string[]): Promise<Client> => {
  let client: Client | undefined;
  try {
    client = new Client(clientConfig(url, purpose));
    client.on('error', () => undefined); // the next query reports it
    await client.connect();
    if (settings.length > 0) await client.query(settings.map((each) => `SET ${each}`).join('; '));
    return client;
  } catch (error) {
    await client?.end().catch(() => undefined);
    throw failureToConnect(error, url);
  }
};

/** PostgreSQL's texts can't hold U+0000. Writes and queries use U+FFFD instead. */
export const withoutNul = (text: string) => (text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text);

// ── Errors ──

/** SQLSTATE classes and codes after which a retry may succeed. */
const transient =
  /^(08...|53...|57P..|57014|40001|40P01|55P03|25P03|25006|58030)$/; /* connection, resources, shutdown, timeout, conflict, lock, standby, disk */

export const isTransient = (error: unknown): error is Error =>
  error instanceof DatabaseUnavailable || (error instanceof DatabaseError && transient.test(error.code ?? ''));

/** Whether the server answered with an error, so that the connection still works. */
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

/** The parts of the URL to show: without the password. */
const addressIn = (url: string) => {
  const { hostname, port, username, pathname, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  const server = host.startsWith('/') ? host : `${host}:${port || '5432'}`;
  return { server, user: decodeURIComponent(username), database: decodeURIComponent(pathname.slice(1)) };
};

/** By error code, of Node or PostgreSQL, or by a name of our own. `cause`: the original message. */
const sentences = ({ server, user, database }: ReturnType<typeof addressIn>, cause: string): Readonly<Record<string, string>> => ({
  ECONNREFUSED: `No database listens at ${server}; start PostgreSQL there`,
  ENOTFOUND: `The host of the database at ${server} is unknown`,
  ENOENT: `There is no PostgreSQL socket in ${server}; start PostgreSQL`,
  EACCES: `This user may not open the PostgreSQL socket in ${server}`,
  '28P01': `The database at ${server} refuses the user "${user}" with this password`,
  '28000': `The database at ${server} refuses the user "${user}" (${cause}); allow it in pg_hba.conf`,
  '3D000': `There is no database "${database}" at ${server}; create it with: CREATE DATABASE ${quoted(database)}`,
  '42501': `The user "${user}" may not connect to the database "${database}" at ${server}; grant it the right to connect`,
  SASL: `The database at ${server} asks for a password for the user "${user}", and the URL has none`,
  SSL: `The database at ${server} offers no TLS; set it up there, or use sslmode=disable`,
  FILE: `Can't read a file that the database URL names (${cause}); put it there`,
  CERTIFICATE: `The TLS certificate of the database at ${server} is not trusted (${cause}); name its authority's file as sslrootcert`,
  STRANGER: `The server at ${server} closes the connection at once, so it may not be PostgreSQL`,
});

/** Those that may go away by themselves, while a server or a network starts. */
const passing = new Set(['ECONNREFUSED']);

const kindOf = (error: Error & Pick<NodeJS.ErrnoException, 'code' | 'syscall'>): string => {
  const { code = '', syscall, message } = error;
  if (error instanceof DatabaseError) return code;
  // The pg package's errors without a code.
  if (message.startsWith('SASL:')) return 'SASL';
  if (message.includes('does not support SSL')) return 'SSL';
  if (message === 'Connection terminated unexpectedly') return 'STRANGER';
  if (syscall === 'open') return 'FILE';
  return /CERT|SIGNATURE/.test(code) ? 'CERTIFICATE' : code;
};

export const failureToConnect = (cause: unknown, url: string): DatabaseUnavailable | DatabaseUnusable => {
  const error = cause instanceof AggregateError ? cause.errors[0] : cause; // one error for each address of the host
  if (!(error instanceof Error)) return new DatabaseUnavailable(String(error));
  const address = addressIn(url);
  const kind = kindOf(error);
  const sentence = sentences(address, error.message)[kind];
  if (sentence === undefined) return new DatabaseUnavailable(`Can't reach the database at ${address.server}: ${error.message}.`, { cause });
  const withRemedy = `${sentence}, or correct HOOKLEDGER_DATABASE_URL.`;
  return passing.has(kind) ? new DatabaseUnavailable(withRemedy, { cause }) : new DatabaseUnusable(withRemedy, { cause });
};
