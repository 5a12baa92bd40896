// Writes the log into a file, with its seals. What no seal seals yet is sealed for the export, where the key is at hand: so the whole file can be
// checked anywhere.
import { once } from 'node:events';
import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { createGzip } from 'node:zlib';
import type { KeyObject } from 'node:crypto';
import type { Position } from '../../domain/ids.ts';
import type { Seal } from '../../domain/sealing.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import { LogUnusable } from '../../event-store/event-store.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import { canonicalOf } from '../sealing/canonical-event.ts';
import { endLine, eventLine, headLine, sealLine } from './export-line.ts';
import { ExportUnusable } from './export-reader.ts';
import { leafHash } from '../sealing/merkle-tree.ts';
import { chainLinkOf, SegmentBuilder, signSeal } from '../sealing/seal.ts';
import { readNewestSeal, readNewestSealUpTo } from '../sealing/stored-seals.ts';
import type { Progress } from '../progress.ts';

export type ExportOptions = {
  readonly file: string;
  /** Events after the last one that was sealed up to here; undefined: all. */
  readonly since: Position | undefined;
  /** The key that signs; undefined: it is not at hand. */
  readonly key: { readonly publicKey: string; readonly privateKey: KeyObject } | undefined;
  readonly publicKey: string | undefined;
  readonly progress: (progress: Progress) => void;
  readonly signal: AbortSignal;
};

export type Exported = {
  readonly events: number;
  /** Of those, not sealed, as there was no key. */
  readonly unsealed: number;
  /** After which event it begins: that of a seal; undefined: at the start of the log. */
  readonly after: Position | undefined;
  readonly until: Position | undefined;
};

/** Events of one seal that is made for the export. */
const mostInSeal = 10_000;

/** @returns undefined when aborted; there is no file then */
export const writeExport = async (log: StoredLogReader, options: ExportOptions): Promise<Exported | undefined> => {
  const { file } = options;
  if (existsSync(file)) throw new ExportUnusable(`${file} exists already. Name another file, or remove it first.`);
  const part = `${file}.part`;
  try {
    const exported = await write(log, part, options);
    if (exported) renameSync(part, file);
    return exported;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined || error instanceof LogUnusable) throw error;
    throw new ExportUnusable(
      `${file} can't be written (${code}). Name a file in a folder that this user may write to, on a disk with room.`,
      {
        cause: error,
      },
    );
  } finally {
    rmSync(part, { force: true });
  }
};

const write = async (
  log: StoredLogReader,
  part: string,
  { since, key, publicKey, progress, signal }: ExportOptions,
): Promise<Exported | undefined> => {
  // 1. Where does it begin and end, and how far is it sealed?
  const end = await log.last();
  const newest = await readNewestSeal(log);
  const after = since === undefined ? undefined : await readNewestSealUpTo(log, since);
  const head = { publicKey: publicKey ?? null, after: after?.seal ?? null };
  let unsealedAfter = (newest?.total ?? 0) - (after?.seal.total ?? 0);

  const gzip = createGzip({ level: 6, chunkSize: 256 * 1024 });
  const target = createWriteStream(part, { flags: 'w', mode: 0o600 });
  const written = new Promise<void>((resolve, reject) => {
    target.once('error', reject);
    gzip.once('error', reject);
    target.once('finish', resolve);
  });
  written.catch(() => undefined); // awaited at the end, and told of at the next line
  gzip.pipe(target);
  const put = async (text: string) => {
    if (!gzip.write(text)) await Promise.race([once(gzip, 'drain'), written]);
  };
  await put(`${headLine(head)}\n`);

  // 2. The events, and a seal behind those that have none.
  let events = 0;
  let until: Position | undefined = after?.position;
  let tail = new SegmentBuilder();
  let before = newest && chainLinkOf(newest);
  const sealed = (): string => {
    const segment = tail.segment();
    if (!segment || !key) return '';
    const seal: Seal = signSeal(segment, before, key.publicKey, key.privateKey);
    before = chainLinkOf(seal);
    tail = new SegmentBuilder();
    return `${sealLine(seal)}\n`;
  };
  if (end && (after === undefined || after.position < end.position)) {
    for await (const batch of log.read(after?.position)) {
      let text = '';
      for (const event of batch) {
        if (event.position > end.position) break;
        const canonical = exportable(event, log.name);
        text += `${eventLine(canonical)}\n`;
        events += 1;
        until = event.position;
        if (key && events > unsealedAfter) {
          const { stream, revision } = event;
          tail.add(leafHash(canonical.text), { position: canonical.originalPosition, last: { stream, revision } });
          if (tail.count >= mostInSeal) text += sealed();
        }
      }
      await put(text);
      if (signal.aborted) {
        gzip.destroy();
        target.destroy();
        return undefined;
      }
      if (until !== undefined) progress({ step: 'exporting', events, share: Math.min(1, log.share(until, end.position)) });
      if (until !== undefined && until >= end.position) break;
    }
  }
  await put(`${sealed()}${endLine(events)}\n`);
  gzip.end();
  await written;
  unsealedAfter = Math.min(events, Math.max(0, unsealedAfter));
  return { events, unsealed: key ? 0 : events - unsealedAfter, after: after?.position, until };
};

/** @throws LogUnusable when the event is not written as Hookledger writes them */
const exportable = (event: StoredEvent, log: string): ReturnType<typeof canonicalOf> => {
  try {
    const canonical = canonicalOf(event);
    if (!canonical.text.includes('\n')) return canonical;
  } catch {
    // told below
  }
  throw new LogUnusable(
    `The event at position ${event.position} of ${log} (${event.type} in ${event.stream}) can't be exported: it is not written as Hookledger writes events. \`hookledger verify\` tells what else is wrong.`,
  );
};
