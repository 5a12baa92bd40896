// Events of a copied log: what their metadata keeps of where they came from, and how positions of different logs are compared.
import * as z from 'zod';
import type { Position } from '../domain/ids.ts';
import { copied, type StoredEvent } from './codec.ts';
import type { RecordedEvent } from './event-store.ts';
import type { EventToStore } from './stored-log.ts';

const metadata = z.looseObject({ copied: copied.exactOptional() });
type Copied = z.infer<typeof copied>;

/** Undefined: it was recorded here. @throws when its metadata is no JSON object */
export const copiedOf = (event: Pick<StoredEvent, 'metadata'>): Copied | undefined => metadata.parse(JSON.parse(event.metadata)).copied;

/** The event as a copy of its log holds it. @throws when its metadata is no JSON object */
export const asCopied = ({ position, recordedAt, ...event }: StoredEvent): EventToStore => {
  const { copied: before, ...own } = metadata.parse(JSON.parse(event.metadata));
  const now: Copied = { recordedAt: before?.recordedAt ?? recordedAt, positions: [...(before?.positions ?? []), position] };
  return { ...event, metadata: JSON.stringify({ ...own, copied: now }) };
};

/**
 * Where `event` stood in the log that `other` was recorded in, so that a position which `other` holds, as `routedAt`, can be compared with it.
 * A copy is of a whole log: the n-th last of the former positions belongs to the same log for all events of it.
 * @returns undefined when `event` was recorded in a later copy, so that it did not stand there.
 */
export const positionWhere = (
  event: Pick<RecordedEvent, 'position' | 'copiedFrom'>,
  other: Pick<RecordedEvent, 'copiedFrom'>,
): Position | undefined => {
  const copies = other.copiedFrom?.length ?? 0;
  return copies === 0 ? event.position : event.copiedFrom?.at(-copies);
};
