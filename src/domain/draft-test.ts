// Draft test: somebody sent a test by settings that are not saved. One stream per test, with one event. What was sent and answered is not kept.
import * as z from 'zod';
import { failureReasons } from './attempts.ts';
import type { Decider } from './decider.ts';
import { endpointId, organizationId } from './ids.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

export const draftTestEvents = {
  'drafttest.made': z
    .object({
      organizationId,
      endpointId: endpointId.describe('The endpoint that the draft changes; absent: the draft is a new one.').optional(),
      eventType: z.string(),
      url: z.string().describe('With its secret parts masked.'),
      responseCode: z.int().optional(),
      failure: z.enum(failureReasons).describe('Absent: it succeeded.').optional(),
    })
    .describe('The actor sent a test by settings that were not saved. The request and the response are not kept.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type DraftTestEvent = Of<typeof draftTestEvents>;

// ── State ──

export type DraftTest = { readonly isRecorded: boolean };

// ── Decisions ──

export type RecordedDraftTest = { readonly type: 'Record'; readonly made: DraftTestEvent };

export const draftTest: Decider<RecordedDraftTest, DraftTestEvent, DraftTest> = {
  initial: { isRecorded: false },
  evolve: () => ({ isRecorded: true }),
  decide: ({ made }, { isRecorded }) => (isRecorded ? [] : [made]),
};
