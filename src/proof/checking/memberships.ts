// Which deliveries are in which batch, for finding one that is in two: in memory while they are few, else in files that are looked through at the end, one
// after the other, and removed.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A delivery in a batch: `position` is that of the event that closed it. */
export type Membership = { readonly delivery: string; readonly batch: string; readonly position: string };

const mostInMemory = 100_000;
const files = 64;

export class Memberships {
  private recent: Membership[] = [];
  private folder: string | undefined;

  add(membership: Membership): void {
    this.recent.push(membership);
    if (this.recent.length >= mostInMemory) this.moveOut();
  }

  /** All that are in a batch after another; once. */
  *repeated(): Generator<Membership & { readonly before: string }> {
    if (this.folder === undefined) return yield* repeatedIn(this.recent);
    this.moveOut();
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

  private moveOut(): void {
    this.folder ??= mkdtempSync(join(tmpdir(), 'hookledger-verify-'));
    const lines = Array.from({ length: files }, (): string[] => []);
    for (const { delivery, batch, position } of this.recent) lines[fileOf(delivery)]?.push(`${delivery} ${batch} ${position}\n`);
    for (const [i, text] of lines.entries()) if (text.length > 0) appendFileSync(join(this.folder, String(i)), text.join(''));
    this.recent = [];
  }
}

/** By the end of its id, which is random. */
const fileOf = (delivery: string) => (Number.parseInt(delivery.slice(-2), 16) || 0) % files;

function* repeatedIn(memberships: readonly Membership[]): Generator<Membership & { readonly before: string }> {
  const seen = new Map<string, string>();
  for (const membership of memberships) {
    const before = seen.get(membership.delivery);
    if (before === undefined) seen.set(membership.delivery, membership.batch);
    else yield { ...membership, before };
  }
}
