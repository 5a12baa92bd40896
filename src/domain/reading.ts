// Reading: how far a source has been read, and which of its events became no message. One stream for each source.
// Invariants: the position only rises, and each event of the source is counted once, as published or as skipped.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { conflict } from './errors.ts';
import { position, type Position } from './ids.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const skipped = z.object({
  id: z.string().describe("The event's id."),
  stream: z.string().describe('Where it stands; a long name is shortened.'),
  revision: z.number(),
  position: position.describe("Its place in the server's log."),
  type: z.string().describe('A long one is shortened.'),
  reason: z.string().describe('A sentence.'),
});
export type SkippedEvent = z.infer<typeof skipped>;

export const readingEvents = {
  'reading.event-skipped': skipped.describe('An event of the source could not become a message.'),
  'reading.advanced': z
    .object({
      position: position.describe("All that the source has in the server's log up to here was published or skipped."),
      published: z.int().describe('Messages, since the beginning.'),
      skipped: z.int().describe('Events that became none, since the beginning.'),
    })
    .describe('The source has been read up to a position.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type ReadingEvent = Of<typeof readingEvents>;

// ── State ──

export type Reading = { readonly position: Position | null; readonly published: number; readonly skipped: number };

const evolve = (state: Reading, event: ReadingEvent): Reading => (event.type === 'reading.advanced' ? event.data : state);

// ── Decisions ──

/** From one position to another, and what became of the events between them. */
export type Advance = {
  readonly type: 'Advance';
  /** Null: from the source's beginning. */
  readonly from: Position | null;
  readonly to: Position;
  readonly published: number;
  readonly skipped: readonly SkippedEvent[];
};

const decide = (command: Advance, state: Reading): readonly ReadingEvent[] => {
  if (state.position !== null && state.position >= command.to) return [];
  if (state.position !== command.from) throw conflict('Somebody else has read this source meanwhile; go on from where they are.');
  const { to, published, skipped: left } = command;
  return [
    ...left.map((data): ReadingEvent => ({ type: 'reading.event-skipped', data })),
    {
      type: 'reading.advanced',
      data: { position: to, published: state.published + published, skipped: state.skipped + left.length },
    },
  ];
};

export const reading: Decider<Advance, ReadingEvent, Reading> = {
  initial: { position: null, published: 0, skipped: 0 },
  evolve,
  decide,
};
