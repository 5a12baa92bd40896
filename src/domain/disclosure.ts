// Disclosure: a secret was shown to somebody. One stream per caller, secret and hour, so what is shown again within the hour is recorded once.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { endpointId, organizationId } from './ids.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const hour = z.string().describe('ISO 8601: the beginning of the hour in which this is recorded once.');

export const disclosureEvents = {
  'disclosure.secret-shown': z
    .object({ organizationId, endpointId, hour })
    .describe(
      'The secret of an endpoint was shown to the actor. The person who makes a secret is shown it as well, and the event of the endpoint says so.',
    ),
  'disclosure.signing-key-shown': z.object({ organizationId, hour }).describe("The organization's signing key was shown to the actor."),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type DisclosureEvent = Of<typeof disclosureEvents>;

// ── State ──

export type Disclosure = { readonly isRecorded: boolean };

// ── Decisions ──

/** What was shown. */
export type RecordedDisclosure = { readonly type: 'Record'; readonly shown: DisclosureEvent };

export const disclosure: Decider<RecordedDisclosure, DisclosureEvent, Disclosure> = {
  initial: { isRecorded: false },
  evolve: () => ({ isRecorded: true }),
  decide: ({ shown }, { isRecorded }) => (isRecorded ? [] : [shown]),
};
