// Watches the embedded log's files while they are in use. SQLite goes on writing to a file that was removed or replaced, and all of it would be lost.
import { closeSync, openSync, readSync, statSync } from 'node:fs';

const everyMs = 500;
/** The first bytes of a WAL; the last bit tells the order of the bytes in its checksums. */
const walMagic = 0x377f0682;
/** The writer's `journal_size_limit`: SQLite itself makes a larger WAL shorter. */
const largestKeptWal = 64 * 1024 * 1024;

type Seen = { readonly id: string; readonly size: number };

const lookAt = (file: string): Seen | undefined => {
  const found = statSync(file, { throwIfNoEntry: false, bigint: true });
  return found && { id: `${found.dev}/${found.ino}`, size: Number(found.size) };
};

/** A file that was cut off to nothing and has grown again begins with zeros. */
const isWal = (file: string): boolean => {
  const start = Buffer.alloc(4);
  let opened: number | undefined;
  try {
    opened = openSync(file, 'r');
    return readSync(opened, start, 0, 4, 0) === 0 || start.readUInt32BE() >>> 1 === walMagic >>> 1;
  } catch {
    return true; // the next look tells
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
};

/** What happened, as a sentence. `isSafe`: closing the log writes everything to `log.db`. */
export type LogFileLost = { readonly sentence: string; readonly isSafe: boolean };

export class FileWatch {
  private readonly log: Seen | undefined;
  private wal: Seen | undefined;
  private readonly watching: NodeJS.Timeout;

  constructor(
    private readonly file: string,
    private readonly onLost: (lost: LogFileLost) => void,
  ) {
    this.log = lookAt(file);
    this.wal = lookAt(`${file}-wal`);
    this.watching = setInterval(() => this.look(), everyMs).unref();
  }

  stop(): void {
    clearInterval(this.watching);
  }

  private look(): void {
    const lost = this.findLost();
    if (!lost) return;
    this.stop();
    this.onLost(lost);
  }

  private findLost(): LogFileLost | undefined {
    const { file, wal } = this;
    const [logNow, walNow] = [lookAt(file), lookAt(`${file}-wal`)];
    if (logNow?.id !== this.log?.id)
      return {
        sentence: `${file} was ${logNow ? 'replaced' : 'removed'} while it was in use, so nothing more can be recorded. Put the file back, with its log.db-wal, and start again.`,
        isSafe: false,
      };
    this.wal = walNow;
    if (wal && walNow?.id !== wal.id)
      return {
        sentence: `${file}-wal was ${walNow ? 'replaced' : 'removed'} while it was in use. Hookledger ends and writes what it held to ${file}, so nothing is lost. Start it again.`,
        isSafe: true,
      };
    if ((wal && walNow && walNow.size < wal.size && wal.size <= largestKeptWal) || (walNow && !isWal(`${file}-wal`)))
      return {
        sentence: `${file}-wal was cut off while it was in use, so the latest events may be lost. Restore the data folder from a backup, or start again: the start says what is missing.`,
        isSafe: false,
      };
    return undefined;
  }
}
