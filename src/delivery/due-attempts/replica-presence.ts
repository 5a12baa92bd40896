// Which replicas are there. Each shows itself by a lock that lasts as long as its connection; the leader looks every second, and frees what replicas
// had leased that are gone. Otherwise it would wait for the leases to end, which is as long as an attempt may take.
// Limit: a replica that was only cut off from the database may still have requests in flight, which others then make again.
import { sql, type Kysely } from 'kysely';
import type { ReplicaGroup } from '../../read-models/engine/database/database.ts';
import type { DueAttemptsSchema } from './due-attempts-table.ts';

/** A replica may lose its connection and come back. */
const goneAfterMs = 3_000;

export class ReplicaPresence {
  /** Since when each is missing, in `performance.now()` time. */
  private readonly missing = new Map<string, number>();
  private isLooking = false;

  constructor(
    private readonly replica: string,
    private readonly group: () => ReplicaGroup<DueAttemptsSchema>,
    /** Frees what these have leased. */
    private readonly free: (replicas: readonly string[]) => Promise<void>,
  ) {}

  /** Call it whenever this replica is connected again: the leader may have taken it for gone. */
  async join(): Promise<void> {
    await this.group().joinAs(this.replica);
    await sql`INSERT INTO replicas (name) VALUES (${this.replica}) ON CONFLICT DO NOTHING`.execute(this.group().sideWriter);
  }

  /** For the leader. */
  async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      const { sideWriter } = this.group();
      const { rows } = await sql<{ name: string }>`SELECT name FROM replicas WHERE name <> ${this.replica}`.execute(sideWriter);
      const absent = await this.group().findAbsent(rows.map(({ name }) => name));
      const gone = this.goneAmong(absent);
      if (gone.length > 0) await this.forget(gone, sideWriter);
    } finally {
      this.isLooking = false;
    }
  }

  /** Of a term: what was missing then may have come back since. */
  reset(): void {
    this.missing.clear();
  }

  private goneAmong(absent: ReadonlySet<string>): readonly string[] {
    for (const name of this.missing.keys()) if (!absent.has(name)) this.missing.delete(name);
    for (const name of absent) if (!this.missing.has(name)) this.missing.set(name, performance.now());
    return [...absent].filter((name) => performance.now() - (this.missing.get(name) ?? 0) >= goneAfterMs);
  }

  private async forget(gone: readonly string[], sideWriter: Kysely<DueAttemptsSchema>): Promise<void> {
    await this.free(gone);
    await sql`DELETE FROM replicas WHERE name = ANY(${gone}::text[])`.execute(sideWriter);
    for (const name of gone) this.missing.delete(name);
  }
}
