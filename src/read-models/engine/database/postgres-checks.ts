// The checks at start: that the PostgreSQL server is one we can use, and that its schemas belong to this log.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Position } from '../../../domain/ids.ts';
import { acceptSentence, type LostTail } from '../../../event-store/lost-tail.ts';
import { DatabaseUnusable, type FollowedLog } from './database.ts';
import { quoted } from './postgres-connection.ts';

const oldestServer = 14;
/** A log of several servers may show its end a moment later on one than on another. */
const longestTipMs = 2_000;
const tipCheckMs = 250;

/** @throws DatabaseUnusable for anything that would otherwise fail later with a less clear error */
export const checkServer = async (client: Client): Promise<void> => {
  const { rows } = await client.query(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS name, pg_is_in_recovery() AS standby,
            current_setting('server_encoding') AS encoding, current_database() AS database, current_user AS user,
            has_database_privilege(current_database(), 'CREATE') AS may_create`,
  );
  const { version, name, standby, encoding, database, user, may_create: mayCreate } = rows[0];
  if (version < oldestServer * 10_000)
    throw new DatabaseUnusable(
      `The database runs on PostgreSQL ${name}, but Hookledger needs ${oldestServer} or newer; upgrade the server.`,
    );
  if (standby) throw new DatabaseUnusable('The database is a read-only standby; set HOOKLEDGER_DATABASE_URL to the primary server.');
  if (encoding !== 'UTF8')
    throw new DatabaseUnusable(
      `The database "${database}" is encoded in ${encoding}; create one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`,
    );
  if (!mayCreate)
    throw new DatabaseUnusable(
      `The user "${user}" may not create schemas in the database "${database}"; as its owner, run: GRANT CREATE ON DATABASE ${quoted(database)} TO ${quoted(user)}`,
    );
};

/** @returns the origin of the log that the schemas belong to; records `origin` if none is recorded yet */
export const recordedOrigin = async (client: Client, prefix: string, origin: string | undefined): Promise<string | undefined> => {
  const schema = quoted(prefix);
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await client.query(`CREATE TABLE IF NOT EXISTS ${schema}.log (id integer PRIMARY KEY, origin text NOT NULL)`);
  const { rows } = await client.query<{ origin: string }>(`SELECT origin FROM ${schema}.log`);
  if (rows.length === 0 && origin !== undefined) await client.query(`INSERT INTO ${schema}.log VALUES (1, $1)`, [origin]);
  return rows[0]?.origin ?? origin;
};

type Stored = {
  readonly prefix: string;
  readonly origin: string | undefined;
  /** By schema name. */
  readonly checkpoints: ReadonlyMap<string, Position>;
};

/** What is wrong if the schemas belong to another log, or are ahead of this one: in a sentence, and as what the log has lost. */
export const findLogConflict = async (
  log: FollowedLog,
  { prefix, origin, checkpoints }: Stored,
  waitMs: number,
): Promise<{ readonly sentence: string; readonly lost: LostTail | undefined } | undefined> => {
  const schemas = [prefix, ...checkpoints.keys()].map(quoted).join(', ');
  const dropAll = `${acceptSentence} Or drop its schemas; Hookledger then rebuilds them from the log: DROP SCHEMA ${schemas} CASCADE`;
  const knownTo = [...checkpoints.values()].sort().at(-1);
  if (origin !== log.origin)
    return {
      sentence: `The database holds the views of another log: that one began ${origin}, this one ${log.origin ?? 'is empty'}. Set HOOKLEDGER_DATABASE_URL to this log's own database, or choose another HOOKLEDGER_DATABASE_PREFIX. ${dropAll}`,
      lost: knownTo === undefined ? undefined : { endsAt: await log.tip(), knownTo },
    };
  const tip = await waitForTip(log, knownTo, Math.min(waitMs, longestTipMs));
  for (const [schema, checkpoint] of checkpoints)
    if (tip === undefined || checkpoint > tip)
      return {
        sentence: `The database is ahead of the log: ${schema} is at position ${checkpoint}, but the log ends at ${tip ?? 'its beginning'}, so they come from different backups. Restore the log that belongs to the database. ${dropAll}`,
        lost: { endsAt: tip, knownTo: knownTo ?? checkpoint },
      };
  return undefined;
};

/** @returns the log's end, after a short wait if the log hasn't reached `position` yet */
const waitForTip = async ({ tip }: FollowedLog, position: Position | undefined, waitMs: number): Promise<Position | undefined> => {
  for (const giveUp = performance.now() + waitMs; ; await sleep(tipCheckMs)) {
    const end = await tip();
    if (position === undefined || (end !== undefined && end >= position) || performance.now() > giveUp) return end;
  }
};
