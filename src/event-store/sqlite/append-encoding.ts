// Encodes the writes of one append, one by one: a large append is handed to the writer in parts. Also decodes its conflicts.
import { codec } from '../codec.ts';
import type { ExpectedRevision, RevisionConflict, Write } from '../event-store.ts';
import type { Conflict, EncodedWrite } from './writer.worker.ts';

/** The memory that an event takes beside its JSON, roughly. */
export const eventOverhead = 300;

export const revisionNumber = (expected: ExpectedRevision): number => (expected === 'no-stream' ? -1 : expected);

/** More than this is encoded, and handed to the writer, in slices. */
const bytesPerPart = 512 * 1024;
/** V8 puts what it reads of a message of 100 KB or more where only a full collection removes it: the writer would keep all parts for a while. */
const bytesPerMessage = 80 * 1024;

export class AppendEncoding {
  /**
   * For each write the data of its events, as followers get it, and how much memory they take. Undefined for an append in parts: its data would take
   * several times the memory of its JSON, so followers read it from the file.
   */
  events: { readonly value: unknown; readonly bytes: number }[][] | undefined = [];
  bytes = 0;
  private encoded: EncodedWrite[] = [];
  private bytesOfPart = 0;
  /** Where the messages of the part end in it. */
  private ends: number[] = [];

  add({ stream, expectedRevision, events }: Write): void {
    const strings: string[] = [];
    const ofWrite: NonNullable<AppendEncoding['events']>[0] = [];
    this.events?.push(ofWrite);
    for (const event of events) {
      const { id, type, data, metadata, value } = codec.encode(event);
      strings.push(id, type, data, metadata);
      const bytes = data.length + metadata.length + eventOverhead;
      ofWrite.push({ value, bytes });
      this.bytesOfPart += bytes;
      this.bytes += bytes;
    }
    this.encoded.push([stream, revisionNumber(expectedRevision), strings]);
    if (this.bytesOfPart >= (this.ends.length + 1) * bytesPerMessage) this.ends.push(this.encoded.length);
  }

  get isPartFull(): boolean {
    return this.bytesOfPart >= bytesPerPart;
  }

  /** Another part follows. @returns what to hand over in a message each */
  takePart(): readonly (readonly EncodedWrite[])[] {
    this.events = undefined;
    const { ends } = this;
    const part = this.takeRest();
    return [...ends, part.length].map((end, i) => part.slice(ends[i - 1] ?? 0, end)).filter(({ length }) => length > 0);
  }

  takeRest(): readonly EncodedWrite[] {
    const part = this.encoded;
    this.encoded = [];
    this.bytesOfPart = 0;
    this.ends = [];
    return part;
  }
}

export const toRevisionConflict = ({ stream, expected, actual }: Conflict): RevisionConflict => ({
  stream,
  expected: toExpectedRevision(expected),
  actual: toExpectedRevision(actual),
});

const toExpectedRevision = (revision: number): ExpectedRevision => (revision === -1 ? 'no-stream' : revision);
