// Where the events of a copied log come from: their metadata records it. Also compares positions of events that come from different logs.
import * as z from 'zod';
import type { Position } from '../domain/ids.ts';
import { provenance, type StoredEvent } from './codec.ts';
import type { RecordedEvent } from './event-store.ts';
import type { EventToStore } from './stored-log.ts';

const metadataSchema = z.looseObject({ copied: provenance.exactOptional() });
type Provenance = z.infer<typeof provenance>;

/** Returns undefined for an event that was recorded in this log. @throws Error if the metadata is not a JSON object */
export const provenanceOf = (event: Pick<StoredEvent, 'metadata'>): Provenance | undefined =>
  metadataSchema.parse(JSON.parse(event.metadata)).copied;

/** The event as a copy of its log stores it. @throws Error if the metadata is not a JSON object */
export const toCopiedEvent = ({ position, recordedAt, ...event }: StoredEvent): EventToStore => {
  const { copied: earlier, ...metadata } = metadataSchema.parse(JSON.parse(event.metadata));
  const copied: Provenance = { recordedAt: earlier?.recordedAt ?? recordedAt, positions: [...(earlier?.positions ?? []), position] };
  return { ...event, metadata: JSON.stringify({ ...metadata, copied }) };
};

/**
 * The position of `event` in the log that `other` was recorded in. A position that `other` holds, such as `routedAt`, can be compared with it.
 * Logs are copied as a whole, so the nth last former position belongs to the same log for all events.
 * @returns undefined if `event` was recorded in a later copy, so that log does not have it
 */
export const positionInLogOf = (
  other: Pick<RecordedEvent, 'copiedFrom'>,
  event: Pick<RecordedEvent, 'position' | 'copiedFrom'>,
): Position | undefined => {
  const copies = other.copiedFrom?.length ?? 0;
  return copies === 0 ? event.position : event.copiedFrom?.at(-copies);
};
