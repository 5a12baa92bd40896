// Reads an export line by line, in bounded memory. Errors say what is wrong with the file, and what to do.
import { createReadStream, statSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { parseHead, parseLine, type ExportHead, type ExportLine } from './export-line.ts';

/** The file can't be used as it is. The message says why, and what to do. */
export class ExportUnusable extends Error {
  override name = 'ExportUnusable';
}

/** Longer than any event can be. A seal has about eight characters for each event that it covers. */
const longestLine = 64 * 1024 * 1024;

export type NumberedLine = ExportLine & { readonly number: number };
/** `share`: how much of the file is read, from 0 to 1. */
type LinesRead = { readonly lines: readonly NumberedLine[]; readonly share: number };

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : undefined);

const cutOff = (file: string, line: number) =>
  new ExportUnusable(
    `${file} was cut off: it ends after line ${line}, without the last line of an export. Fetch it again, or export again.`,
  );

const unreadable = (file: string, line: number, error: unknown): unknown => {
  switch (codeOf(error)) {
    case 'ENOENT':
      return new ExportUnusable(`There is no file ${file}. Name an export that \`hookledger export\` wrote.`);
    case 'EISDIR':
      return new ExportUnusable(`${file} is a folder. Name an export that \`hookledger export\` wrote.`);
    case 'EACCES':
      return new ExportUnusable(`This user may not read ${file}.`);
    case 'Z_BUF_ERROR':
      return cutOff(file, line);
    case 'Z_DATA_ERROR':
      return line === 0
        ? notAnExport(file)
        : new ExportUnusable(`${file} is damaged: it can't be decompressed after line ${line}. Fetch it again, or export again.`);
    default:
      return error;
  }
};

const notAnExport = (file: string) =>
  new ExportUnusable(`${file} is not a Hookledger export. Name a file that \`hookledger export\` wrote.`);

/** The file's lines, in the pieces in which they are read. */
async function* textLines(file: string): AsyncGenerator<{ readonly texts: readonly string[]; readonly share: number }> {
  let number = 0;
  try {
    const size = statSync(file).size;
    const source = createReadStream(file, { highWaterMark: 256 * 1024 });
    const text = source.pipe(createGunzip({ chunkSize: 256 * 1024 })).setEncoding('utf8');
    source.once('error', (error) => text.destroy(error));
    let rest = '';
    for await (const chunk of text as AsyncIterable<string>) {
      const texts = (rest + chunk).split('\n');
      rest = texts.pop() ?? '';
      if (rest.length > longestLine) throw notAnExport(file);
      number += texts.length;
      if (texts.length > 0) yield { texts, share: size === 0 ? 1 : Math.min(1, source.bytesRead / size) };
    }
    if (rest !== '') throw number === 0 ? notAnExport(file) : cutOff(file, number);
  } catch (error) {
    throw unreadable(file, number, error);
  }
}

/** @throws ExportUnusable if the file is not an export */
export const readExportHead = async (file: string): Promise<ExportHead> => {
  for await (const { texts } of textLines(file)) {
    try {
      return parseHead(texts[0] ?? '');
    } catch (error) {
      throw new ExportUnusable(notAnExport(file).message, { cause: error });
    }
  }
  throw notAnExport(file);
};

/**
 * All lines but the first and the last.
 * @throws ExportUnusable at an invalid line, or if the last line is missing or its number of events is wrong
 */
export async function* readExportLines(file: string): AsyncGenerator<LinesRead> {
  let number = 0;
  let events = 0;
  let end: number | undefined;
  for await (const { texts, share } of textLines(file)) {
    const lines: NumberedLine[] = [];
    for (const text of texts) {
      number += 1;
      if (number === 1) continue;
      if (end !== undefined) throw new ExportUnusable(`${file}: line ${number} comes after the last line: it was added.`);
      const line = { ...parseNumberedLine(file, text, number), number };
      if (line.kind === 'end') end = line.events;
      else lines.push(line);
      if (line.kind === 'event') events += 1;
    }
    if (lines.length > 0) yield { lines, share };
  }
  if (end === undefined) throw cutOff(file, number);
  if (end !== events)
    throw new ExportUnusable(`${file} says that it has ${end} events, but has ${events}: some were ${end > events ? 'removed' : 'added'}.`);
}

const parseNumberedLine = (file: string, text: string, number: number): ExportLine => {
  try {
    return parseLine(text);
  } catch (error) {
    throw new ExportUnusable(`${file}: line ${number} is not a line of an export: it was changed.`, { cause: error });
  }
};
