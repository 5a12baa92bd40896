// Remembers which deliveries are in which batch, to find a delivery that is in two. A few are kept in memory; many go to temporary files, which
// are searched one after the other at the end, and removed.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A delivery in a batch. `position`: of the event that closed the batch. */
type Membership = { readonly delivery: string; readonly batch: string; readonly position: string };

const mostInMemory = 100_000;
const files = 64;

export class BatchMemberships {
  private recent: Membership[] = [];
  private folder: string | undefined;

  add(membership: Membership): void {
    this.recent.push(membership);
    if (this.recent.length >= mostInMemory) this.moveToFiles();
  }

  /** Every delivery that was in a batch `before` already. Call once. */
  *repeated(): Generator<Membership & { readonly before: string }> {
    if (this.folder === undefined) return yield* repeatedIn(this.recent);
    this.moveToFiles();
    try {
      for (let i = 0; i < files; i++) yield* repeatedIn(this.read(join(this.folder, String(i))));
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  private read(file: string): Membership[] {
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    return lines.map((line) => {
      const [delivery = '', batch = '', position = ''] = line.split(' ');
      return { delivery, batch, position };
    });
  }

  private moveToFiles(): void {
    this.folder ??= mkdtempSync(join(tmpdir(), 'hookledger-verify-'));
    const lines = Array.from({ length: files }, (): string[] => []);
    for (const { delivery, batch, position } of this.recent) lines[fileOf(delivery)]?.push(`${delivery} ${batch} ${position}\n`);
    for (const [i, text] of lines.entries()) if (text.length > 0) appendFileSync(join(this.folder, String(i)), text.join(''));
    this.recent = [];
  }
}

/** The end of a delivery's id is random, so the files have about the same size. */
const fileOf = (delivery: string) => (Number.parseInt(delivery.slice(-2), 16) || 0) % files;

function* repeatedIn(memberships: readonly Membership[]): Generator<Membership & { readonly before: string }> {
  const seen = new Map<string, string>();
  for (const membership of memberships) {
    const before = seen.get(membership.delivery);
    if (before === undefined) seen.set(membership.delivery, membership.batch);
    else yield { ...membership, before };
  }
}
