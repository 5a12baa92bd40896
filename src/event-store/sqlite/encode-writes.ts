// Encodes writes for the writer thread, as strings only, which are cheap to post; and decodes the conflicts that it answers with.
import { checkWrites } from '../check-writes.ts';
import { codec } from '../codec.ts';
import type { ExpectedRevision, RevisionConflict, Write } from '../event-store.ts';
import type { Conflict, EncodedAppend, EncodedWrite } from './writer.worker.ts';

/** The memory that an event takes beside its JSON, roughly. */
export const EVENT_OVERHEAD = 300;

type EncodedWrites = {
  readonly encoded: EncodedAppend;
  /** For each write the data of its events, as followers get it. */
  readonly values: readonly (readonly unknown[])[];
  readonly bytes: number;
};

export const encodeWrites = (writes: readonly Write[]): EncodedWrites => {
  checkWrites(writes);
  const values: unknown[][] = [];
  let bytes = 0;
  const encoded = writes.map(({ stream, expectedRevision, events }): EncodedWrite => {
    const strings: string[] = [];
    const valuesOfWrite: unknown[] = [];
    values.push(valuesOfWrite);
    for (const event of events) {
      const { id, type, data, metadata, value } = codec.encode(event);
      strings.push(id, type, data, metadata);
      valuesOfWrite.push(value);
      bytes += data.length + metadata.length + EVENT_OVERHEAD;
    }
    return [stream, expectedRevision === 'no-stream' ? -1 : expectedRevision, strings];
  });
  return { encoded, values, bytes };
};

export const toRevisionConflict = ({ stream, expected, actual }: Conflict): RevisionConflict => ({
  stream,
  expected: toExpectedRevision(expected),
  actual: toExpectedRevision(actual),
});

const toExpectedRevision = (revision: number): ExpectedRevision => (revision === -1 ? 'no-stream' : revision);
