// The canonical text of an event, which seals hash: the same on every log and in every copy of it.
//
//   {"id":…,"stream":…,"revision":…,"type":…,"position":…,"recordedAt":…,"metadata":…,"data":…}
//
// It is JSON in UTF-8 as ECMAScript's JSON.stringify writes it: no spaces, these fields in this order. `data` and `metadata` are the texts that
// the log stores, written the same way. `position` and `recordedAt` are those of the log that recorded the event first; what copying adds to
// the metadata is left out.
import * as z from 'zod';
import { parseJson } from '../../domain/exact-number.ts';
import { position, type Position } from '../../domain/ids.ts';
import { jsonObject } from '../../domain/json.ts';
import { provenance, type StoredEvent } from '../../event-store/codec.ts';

/** `copies`: the event's position in each log that it was copied to, oldest copy first; empty if it was never copied. */
export type CanonicalEvent = { readonly text: string; readonly copies: readonly Position[] };

const metadataOfCopy = z.looseObject({ copied: provenance });

/** `originalPosition`: in the log that recorded the event first. @throws Error if this version can't read the metadata's note about copies */
export const canonicalOf = (event: StoredEvent): CanonicalEvent & { readonly originalPosition: Position } => {
  let { metadata, recordedAt, position: originalPosition } = event;
  let copies: readonly Position[] = [];
  if (metadata.includes('"copied":')) {
    const { copied: origin, ...own } = metadataOfCopy.parse(JSON.parse(metadata));
    const [first = originalPosition, ...later] = origin.positions;
    metadata = JSON.stringify(own);
    ({ recordedAt } = origin);
    originalPosition = first;
    copies = [...later, event.position];
  }
  const text =
    `{"id":${JSON.stringify(event.id)},"stream":${JSON.stringify(event.stream)},"revision":${event.revision},"type":${JSON.stringify(event.type)},` +
    `"position":${JSON.stringify(originalPosition)},"recordedAt":"${recordedAt}","metadata":${metadata},"data":${event.data}}`;
  return { text, copies, originalPosition };
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

/** The event as a log stores it. @throws Error if the text is not canonical */
export const storedEventOf = ({ text, copies }: CanonicalEvent): StoredEvent => {
  const { metadata: own, data, position: originalPosition, recordedAt, ...event } = canonicalEvent.parse(parseJson(text));
  const here = copies.at(-1);
  const metadata = here === undefined ? own : { ...own, copied: { recordedAt, positions: [originalPosition, ...copies.slice(0, -1)] } };
  const stored = {
    ...event,
    recordedAt,
    position: here ?? originalPosition,
    metadata: JSON.stringify(metadata),
    data: JSON.stringify(data),
  };
  if (canonicalOf(stored).text !== text) throw new Error('The event is not written as Hookledger writes events.');
  return stored;
};
