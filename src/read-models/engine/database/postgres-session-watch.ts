// Watches the sessions that hold a lock. Every process sends a heartbeat each second on the connection that holds its locks, so a session on which
// nothing has happened for some seconds belongs to a process that hangs, or is cut off. The server then ends that session: its transaction is rolled
// back, its locks are free, and nothing that the process still sends on it can have an effect.
// Limit: needs the same database user as the session's, or pg_signal_backend.
import type { RunQuery } from './postgres-sessions.ts';

export const heartbeatMs = 1_000;
/** Of silence, as this process has seen it: longer than `heartbeatMs`, and than a busy process needs to send it. */
const hangsAfterMs = 5_000;
/** A process that had a heartbeat answered knows for this long after sending it that no other process has ended its session. */
export const sureMs = hangsAfterMs - 2_000;

type Session = {
  readonly lock: string;
  readonly pid: number;
  /** Changes with every statement. Null: this user may not see it. */
  readonly activity: string | null;
  /** The server is busy for it, and does not wait for its client. */
  readonly works: boolean;
};

export class SessionWatch {
  /** When each session, by lock, was first seen with its last activity, in `performance.now()` time. */
  private readonly seen = new Map<string, { readonly activity: string; readonly since: number }>();

  /** Ends the sessions that hang. @returns the locks that nobody holds now, or will not in a moment */
  async findFree(locks: readonly string[], query: RunQuery): Promise<ReadonlySet<string>> {
    const held = new Map((await query<Session>(holdersOf, [locks])).map((session) => [session.lock, session]));
    const free = new Set<string>();
    for (const lock of locks) {
      const session = held.get(lock);
      if (!session || (this.hangs(session) && (await end(session, query)))) {
        this.seen.delete(lock);
        free.add(lock);
      }
    }
    return free;
  }

  private hangs({ lock, pid, activity, works }: Session): boolean {
    if (activity === null) return false;
    const before = this.seen.get(lock);
    const now = `${pid} ${activity}`;
    if (before?.activity !== now) this.seen.set(lock, { activity: now, since: performance.now() });
    return before?.activity === now && !works && performance.now() - before.since >= hangsAfterMs;
  }
}

const activity = `(backend_start::text || ' ' || state_change::text)`;

const holdersOf = `
  SELECT lock, pid, ${activity} AS activity, state = 'active' AND wait_event_type IS DISTINCT FROM 'Client' AS works
  FROM unnest($1::text[]) AS lock
  JOIN pg_locks ON locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = hashtextextended(lock, 0)
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  JOIN pg_stat_activity USING (pid)`;

/** Unless it has done something just now. @returns whether it is ended */
const end = async ({ pid, activity: last }: Session, query: RunQuery): Promise<boolean> => {
  const [row] = await query<{ ended: boolean }>(
    `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE pid = $1 AND ${activity} = $2`,
    [pid, last],
  );
  return row?.ended === true;
};
