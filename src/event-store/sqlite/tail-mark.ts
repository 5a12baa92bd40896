// The tail mark: a small file beside the embedded log that says how far the log went, so that a log that lost its end is noticed. A WAL that was
// cut off or deleted, or a `log.db` without its WAL, is a valid log for SQLite.
// Limit: it is written at most once a second and without fsync, so the last second may be lost unnoticed.
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { position } from '../../domain/ids.ts';
import { LogUnusable } from '../event-store.ts';
import { lostTailSentence, type AcceptLostTail, type LostTail } from '../lost-tail.ts';
import { toPosition, toSequence } from './event-rows.ts';

const everyMs = 1_000;

const tailMark = z.object({ position, id: z.string() });
/** The last event that was durable when the mark was written. */
type TailMark = z.infer<typeof tailMark>;

const tailMarkOf = (file: string): string => file.replace(/\.db$/, '.tail');

const readMark = (file: string): TailMark | undefined => {
  try {
    return tailMark.parse(JSON.parse(readFileSync(tailMarkOf(file), 'utf8')));
  } catch {
    return undefined; // none, or cut off by a power failure
  }
};

/**
 * Compares the log with its mark, without changing any file: a WAL whose end is damaged stays as it is.
 * @returns undefined if the log holds what the mark says, or can't be read, which shows when it is opened
 */
const findLostTail = (file: string): LostTail | undefined => {
  const mark = readMark(file);
  if (!mark) return undefined;
  if (!existsSync(file) || statSync(file).size === 0) return { endsAt: undefined, knownTo: mark.position };
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
    const tip = Number(db.prepare('SELECT max(sequence) AS tip FROM events').get()?.['tip'] ?? 0);
    const marked = db.prepare('SELECT id FROM events WHERE sequence = ?').get(toSequence(mark.position));
    if (marked?.['id'] === mark.id) return undefined;
    return { endsAt: tip === 0 ? undefined : toPosition(tip), knownTo: mark.position };
  } catch {
    return undefined;
  } finally {
    db?.close();
  }
};

/** @throws LogUnusable unless the log holds what is known of it, or the loss is accepted */
export const checkTail = (file: string, accept: AcceptLostTail): void => {
  const lost = findLostTail(file);
  if (!lost) return;
  if (!accept)
    throw new LogUnusable(
      lostTailSentence(
        lost,
        `${tailMarkOf(file)} says`,
        `Put back ${file} and ${basename(file)}-wal, which belong together, or restore the data folder from a backup.`,
      ),
    );
  accept(lost);
};

export class TailMarkWriter {
  private readonly file: string;
  private last: TailMark | undefined;
  private written: TailMark | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(logFile: string) {
    this.file = tailMarkOf(logFile);
  }

  /** The log is durable up to this event. */
  note(sequence: number, id: string): void {
    this.last = { position: toPosition(sequence), id };
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.write();
    }, everyMs).unref();
  }

  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.write();
  }

  private write(): void {
    if (!this.last || this.last === this.written) return;
    try {
      writeFileSync(`${this.file}.new`, JSON.stringify(this.last), { mode: 0o600 });
      renameSync(`${this.file}.new`, this.file);
      this.written = this.last;
    } catch {
      // The mark stays behind, and notices less.
    }
  }
}
