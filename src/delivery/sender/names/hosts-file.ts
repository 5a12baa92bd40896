// The names in /etc/hosts, which only the system's resolver knows.
import { readFileSync, statSync } from 'node:fs';

const checkEveryMs = 5_000;

export class HostsFile {
  private names: ReadonlySet<string> = new Set();
  private readAt = '';
  private checkedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly path = '/etc/hosts') {}

  /** A change of the file counts after five seconds at the latest. */
  has(name: string): boolean {
    const now = performance.now();
    if (now - this.checkedAt >= checkEveryMs) {
      this.checkedAt = now;
      this.readIfChanged();
    }
    return this.names.has(name.toLowerCase());
  }

  /** A file that can't be read names nothing. */
  private readIfChanged(): void {
    try {
      const { mtimeMs, size, ino } = statSync(this.path);
      const version = `${mtimeMs}/${size}/${ino}`;
      if (version === this.readAt) return;
      this.names = new Set(
        readFileSync(this.path, 'utf8')
          .split('\n')
          .flatMap((line) => line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/).slice(1)),
      );
      this.readAt = version;
    } catch {
      this.names = new Set();
      this.readAt = '';
    }
  }
}
