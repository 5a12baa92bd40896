// Writes the log into a file, with its seals. If the signing key is available, seals the events that have no seal yet, so that the whole file can
// be verified anywhere.
import { once } from 'node:events';
import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { createGzip } from 'node:zlib';
import type { Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import { LogUnusable } from '../../event-store/event-store.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import type { Progress } from '../progress.ts';
import { canonicalOf } from '../sealing/canonical-event.ts';
import { leafHash } from '../sealing/merkle-tree.ts';
import { chainLinkOf, SegmentBuilder, signSeal, type ChainLink } from '../sealing/seal.ts';
import type { SealingKeyPair } from '../sealing/sealing-key.ts';
import { readNewestSeal, readNewestSealUpTo } from '../sealing/stored-seals.ts';
import { endLine, eventLine, headLine, sealLine } from './export-line.ts';
import { ExportUnusable } from './export-reader.ts';

type ExportOptions = {
  readonly file: string;
  /** Export only the events after the last one that was sealed up to here; undefined: all. */
  readonly since: Position | undefined;
  /** The key that signs the last seals; undefined if it is not available. */
  readonly key: SealingKeyPair | undefined;
  readonly publicKey: string | undefined;
  readonly progress: (progress: Progress) => void;
  readonly signal: AbortSignal;
};

type ExportResult = {
  readonly events: number;
  /** How many of them have no seal, for lack of a key. */
  readonly unsealed: number;
  /** The position of the last event under the seal that the export starts after; undefined: it starts at the start of the log. */
  readonly after: Position | undefined;
  readonly until: Position | undefined;
};

/** Most events in one seal that is made for the export. */
const mostInSeal = 10_000;

/** @returns undefined if aborted; there is no file then */
export const writeExport = async (log: StoredLogReader, options: ExportOptions): Promise<ExportResult | undefined> => {
  const { file } = options;
  if (existsSync(file)) throw new ExportUnusable(`${file} exists already. Name another file, or remove it first.`);
  const part = `${file}.part`;
  try {
    const exported = await writePart(log, part, options);
    if (exported) renameSync(part, file);
    return exported;
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error) || error instanceof LogUnusable) throw error;
    const code = 'code' in error ? String(error.code) : error.message;
    throw new ExportUnusable(
      `${file} can't be written (${code}). Name a file in a folder that this user may write to, on a disk with free space.`,
      { cause: error },
    );
  } finally {
    rmSync(part, { force: true });
  }
};

const writePart = async (
  log: StoredLogReader,
  part: string,
  { since, key, publicKey, progress, signal }: ExportOptions,
): Promise<ExportResult | undefined> => {
  // 1. Find where to start and end, and how far the log is sealed.
  const end = await log.last();
  const newest = await readNewestSeal(log);
  const startSeal = since === undefined ? undefined : await readNewestSealUpTo(log, since);
  const after = startSeal?.position;
  const sealedInLog = Math.max(0, (newest?.total ?? 0) - (startSeal?.seal.total ?? 0));
  const tail = new SealTail(key, newest && chainLinkOf(newest));
  const output = openGzipFile(part);
  await output.write(`${headLine({ publicKey: publicKey ?? null, after: startSeal?.seal ?? null })}\n`);

  // 2. Write the events, and seals behind those that have none.
  let events = 0;
  let until = after;
  if (end && (after === undefined || after < end.position)) {
    for await (const batch of log.read(after)) {
      let text = '';
      for (const event of batch) {
        if (event.position > end.position) break;
        const canonical = canonicalForExport(event, log.name);
        text += `${eventLine(canonical)}\n`;
        events += 1;
        until = event.position;
        if (events > sealedInLog) text += tail.add(event, canonical);
      }
      await output.write(text);
      if (signal.aborted) {
        output.abort();
        return undefined;
      }
      if (until !== undefined) progress({ step: 'exporting', events, share: Math.min(1, log.share(until, end.position)) });
      if (until !== undefined && until >= end.position) break;
    }
  }
  await output.write(`${tail.seal()}${endLine(events)}\n`);
  await output.finish();
  return { events, unsealed: key ? 0 : Math.max(0, events - sealedInLog), after, until };
};

/** Seals the events that no seal in the log covers. Without a key, does nothing. */
class SealTail {
  private builder = new SegmentBuilder();

  constructor(
    private readonly key: SealingKeyPair | undefined,
    private previous: ChainLink | undefined,
  ) {}

  /** @returns the lines to write behind the event */
  add({ stream, revision }: StoredEvent, { text, originalPosition }: ReturnType<typeof canonicalOf>): string {
    if (!this.key) return '';
    this.builder.add(leafHash(text), { position: originalPosition, last: { stream, revision } });
    return this.builder.count >= mostInSeal ? this.seal() : '';
  }

  /** @returns the line with the seal of the events since the last one; empty if there are none */
  seal(): string {
    const segment = this.builder.segment();
    if (!segment || !this.key) return '';
    const seal = signSeal(segment, this.previous, this.key.publicKey, this.key.privateKey);
    this.previous = chainLinkOf(seal);
    this.builder = new SegmentBuilder();
    return `${sealLine(seal)}\n`;
  }
}

const openGzipFile = (file: string) => {
  const gzip = createGzip({ level: 6, chunkSize: 256 * 1024 });
  const target = createWriteStream(file, { flags: 'w', mode: 0o600 });
  const finished = new Promise<void>((resolve, reject) => {
    target.once('error', reject);
    gzip.once('error', reject);
    target.once('finish', resolve);
  });
  finished.catch(() => undefined); // write and finish report the error
  gzip.pipe(target);
  return {
    write: async (text: string) => {
      if (!gzip.write(text)) await Promise.race([once(gzip, 'drain'), finished]);
    },
    finish: () => {
      gzip.end();
      return finished;
    },
    abort: () => {
      gzip.destroy();
      target.destroy();
    },
  };
};

/** @throws LogUnusable if the event is not written as Hookledger writes events */
const canonicalForExport = (event: StoredEvent, log: string): ReturnType<typeof canonicalOf> => {
  try {
    const canonical = canonicalOf(event);
    if (!canonical.text.includes('\n')) return canonical;
  } catch {
    // reported below
  }
  throw new LogUnusable(
    `The event at position ${event.position} of ${log} (${event.type} in ${event.stream}) can't be exported: it is not written as Hookledger writes events. \`hookledger verify\` says what else is wrong.`,
  );
};
