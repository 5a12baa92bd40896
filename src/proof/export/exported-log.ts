// An export as a log to read from: `hookledger import` copies it.
import type { Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import { storedEventOf } from '../sealing/canonical-event.ts';
import { ExportUnusable, readExportHead, readExportLines, type NumberedLine } from './export-reader.ts';

export class ExportedLog implements StoredLogReader {
  private constructor(
    readonly name: string,
    private readonly end: StoredEvent | undefined,
    private readonly eventCount: number,
  ) {}

  /** Reads the whole file once, to refuse one that was cut off before anything is copied. @throws ExportUnusable */
  static async open(file: string): Promise<ExportedLog> {
    const { after } = await readExportHead(file);
    if (after)
      throw new ExportUnusable(
        `${file} is part of a log: it starts after position ${after.position}. A new log needs a whole one; export without --since.`,
      );
    let events = 0;
    let last: (NumberedLine & { kind: 'event' }) | undefined;
    for await (const { lines } of readExportLines(file))
      for (const line of lines)
        if (line.kind === 'event') {
          events += 1;
          last = line;
        }
    return new ExportedLog(file, last && parseEvent(file, last), events);
  }

  async last(): Promise<StoredEvent | undefined> {
    return this.end;
  }

  private eventsRead = 0;

  async *read(after: Position | undefined): AsyncGenerator<readonly StoredEvent[]> {
    this.eventsRead = 0;
    for await (const { lines } of readExportLines(this.name)) {
      const events = lines.flatMap((line) => (line.kind === 'event' ? [parseEvent(this.name, line)] : []));
      this.eventsRead += events.length;
      const wanted = after === undefined ? events : events.filter(({ position }) => position > after);
      if (wanted.length > 0) yield wanted;
    }
  }

  async at(stream: string, revision: number): Promise<StoredEvent | undefined> {
    for await (const events of this.read(undefined)) {
      const found = events.find((event) => event.stream === stream && event.revision === revision);
      if (found) return found;
    }
    return undefined;
  }

  share(): number {
    return this.eventCount === 0 ? 1 : this.eventsRead / this.eventCount;
  }

  async close(): Promise<void> {
    // No file stays open.
  }
}

const parseEvent = (file: string, line: NumberedLine & { kind: 'event' }): StoredEvent => {
  try {
    return storedEventOf(line.event);
  } catch (error) {
    throw new ExportUnusable(
      `${file}: the event in line ${line.number} was changed: it is not written as Hookledger writes events. \`hookledger verify --file\` says more.`,
      { cause: error },
    );
  }
};
