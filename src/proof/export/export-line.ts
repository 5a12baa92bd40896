// The lines of an export: NDJSON, compressed with gzip.
//
//   {"hookledger":"export","version":1,"publicKey":…,"after":…}   first: the seals' key, and the seal before the first event, if there is one
//   {"event":…}                                                   each event in its canonical text (canonical-event.ts), in log order;
//   {"copies":[…],"event":…}                                      from a copied log: with its positions in the later logs
//   {"seal":…}                                                    made for the export: covers events that no seal in the log covers yet
//   {"end":{"events":…}}                                          last: if it is missing, the export was cut off
import * as z from 'zod';
import { sealingEvents, type Seal } from '../../domain/sealing.ts';
import { position } from '../../domain/ids.ts';
import type { CanonicalEvent } from '../sealing/canonical-event.ts';

const sealSchema = sealingEvents['ledger.sealed'];

const head = z.strictObject({
  hookledger: z.literal('export'),
  version: z.literal(1),
  publicKey: z.string().nullable(),
  after: sealSchema.nullable(),
});
export type ExportHead = Omit<z.infer<typeof head>, 'hookledger' | 'version'>;

const copies = z.array(position).min(1);
const line = z.union([z.strictObject({ end: z.strictObject({ events: z.int().nonnegative() }) }), z.strictObject({ seal: sealSchema })]);

export type ExportLine =
  | { readonly kind: 'event'; readonly event: CanonicalEvent }
  | { readonly kind: 'seal'; readonly seal: Seal }
  | { readonly kind: 'end'; readonly events: number };

export const headLine = ({ publicKey, after }: ExportHead): string =>
  JSON.stringify({ hookledger: 'export', version: 1, publicKey, after });
export const eventLine = ({ text, copies }: CanonicalEvent): string =>
  copies.length === 0 ? `{"event":${text}}` : `{"copies":${JSON.stringify(copies)},"event":${text}}`;
export const sealLine = (seal: Seal): string => JSON.stringify({ seal });
export const endLine = (events: number): string => JSON.stringify({ end: { events } });

/** @throws Error if the text is not the first line of an export */
export const parseHead = (text: string): ExportHead => head.parse(JSON.parse(text));

/** Cuts out an event's text without parsing it. @throws Error if the text is no other line of an export */
export const parseLine = (text: string): ExportLine => {
  if (text.startsWith('{"event":')) return { kind: 'event', event: { text: text.slice('{"event":'.length, -1), copies: [] } };
  if (text.startsWith('{"copies":')) {
    const end = text.indexOf(']') + 1;
    const beginning = text.slice(0, end);
    const event = text.slice(end + ',"event":'.length, -1);
    return { kind: 'event', event: { text: event, copies: copies.parse(JSON.parse(beginning.slice('{"copies":'.length))) } };
  }
  const read = line.parse(JSON.parse(text));
  return 'seal' in read ? { kind: 'seal', seal: read.seal } : { kind: 'end', events: read.end.events };
};
