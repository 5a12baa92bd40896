// The canonical text of an event: what is hashed when the log is sealed, the same on every log and in every copy of it.
//
//   {"id":…,"stream":…,"revision":…,"type":…,"position":…,"recordedAt":…,"metadata":…,"data":…}
//
// It is JSON in UTF-8 as ECMAScript's JSON.stringify writes it: no spaces, these fields in this order. `data` and `metadata` are the texts that
// the log stores, which are written in that way too. `position` and `recordedAt` are those of the log in which it was recorded first; what
// copying adds to the metadata is left out.
import * as z from 'zod';
import { position, type Position } from '../../domain/ids.ts';
import { jsonObject } from '../../domain/json.ts';
import { provenance, type StoredEvent } from '../../event-store/codec.ts';

/** Where the event stood in the logs after its first one, up to that in which it was found; empty: it was never copied. */
export type Positions = readonly Position[];
export type Canonical = { readonly text: string; readonly copies: Positions };

const metadataOfCopy = z.looseObject({ copied: provenance });

/** `first`: its position in the log in which it was recorded first. @throws Error when the metadata tells of a copy in no form that this version knows */
export const canonicalOf = (event: StoredEvent): Canonical & { readonly first: Position } => {
  let { metadata, recordedAt, position: first } = event;
  let copies: Positions = [];
  if (metadata.includes('"copied":')) {
    const { copied: before, ...own } = metadataOfCopy.parse(JSON.parse(metadata));
    const [original = first, ...later] = before.positions;
    metadata = JSON.stringify(own);
    ({ recordedAt } = before);
    first = original;
    copies = [...later, event.position];
  }
  const text =
    `{"id":${JSON.stringify(event.id)},"stream":${JSON.stringify(event.stream)},"revision":${event.revision},"type":${JSON.stringify(event.type)},` +
    `"position":${JSON.stringify(first)},"recordedAt":"${recordedAt}","metadata":${metadata},"data":${event.data}}`;
  return { text, copies, first };
};

const canonicalEvent = z.strictObject({
  id: z.string(),
  stream: z.string(),
  revision: z.int().nonnegative(),
  type: z.string(),
  position,
  recordedAt: z.iso.datetime({ precision: 3 }),
  metadata: jsonObject,
  data: jsonObject,
});

/** The event as a log stores it. @throws Error when the text is not a canonical one */
export const storedOf = ({ text, copies }: Canonical): StoredEvent => {
  const { metadata: own, data, position: first, recordedAt, ...event } = canonicalEvent.parse(JSON.parse(text));
  const here = copies.at(-1);
  const metadata = here === undefined ? own : { ...own, copied: { recordedAt, positions: [first, ...copies.slice(0, -1)] } };
  const stored = { ...event, recordedAt, position: here ?? first, metadata: JSON.stringify(metadata), data: JSON.stringify(data) };
  if (canonicalOf(stored).text !== text) throw new Error('It is not written as Hookledger writes it.');
  return stored;
};
