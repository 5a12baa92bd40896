// Reading: how far a source has been read, and which of its events were skipped. One stream per source.
// Invariants: the position only rises, and each event of the source is counted once, as published or as skipped.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { conflict } from './errors.ts';
import { position, type Position } from './ids.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const skipped = z.object({
  id: z.string().describe("The event's id."),
  stream: z.string().describe('Its stream; a long name is shortened.'),
  revision: z.number(),
  position: position.describe("Its position in the server's log."),
  type: z.string().describe('Its type; a long one is shortened.'),
  reason: z.string().describe('Why, as a sentence.'),
});
export type SkippedEvent = z.infer<typeof skipped>;

export const readingEvents = {
  'reading.event-skipped': skipped.describe('An event of the source could not become a message.'),
  'reading.advanced': z
    .object({
      position: position.describe('Every event of the source up to this position was published or skipped.'),
      published: z.int().describe('Messages published since the beginning.'),
      skipped: z.int().describe('Events skipped since the beginning.'),
    })
    .describe('The source has been read up to a position.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type ReadingEvent = Of<typeof readingEvents>;

// ── State ──

export type Reading = { readonly position: Position | null; readonly published: number; readonly skipped: number };

const evolve = (state: Reading, event: ReadingEvent): Reading => (event.type === 'reading.advanced' ? event.data : state);

// ── Decisions ──

/** The events between two positions, and what became of them. */
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
  if (state.position !== command.from) throw conflict('Another replica has read this source meanwhile; continue from its position.');
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
