// The pace that an endpoint's requests keep: how many a second, and how many at one time.
import * as z from 'zod';
import { number, wholeNumber } from './number-range.ts';

// ── As stored in events ── Part of their storage format. Never edit one.

export const storedPace = {
  rateLimit: z
    .object({
      perSecond: z.number(),
      burst: z.int().describe('Requests that may go out at once after a pause.'),
    })
    .nullable(),
  maxConcurrency: z.int().nullable().describe('Requests at one time, over all replicas.'),
};

export type RateLimit = NonNullable<z.infer<typeof storedPace.rateLimit>>;
/** Null: no limit, and the installation's default. */
export type PaceSettings = { readonly rateLimit: RateLimit | null; readonly maxConcurrency: number | null };

/** For the event of a new endpoint: only what it says. */
export const saidPace = ({ rateLimit, maxConcurrency }: PaceSettings) => ({
  ...(rateLimit !== null && { rateLimit }),
  ...(maxConcurrency !== null && { maxConcurrency }),
});

// ── As a person gives them ──

const slowestPerSecond = 0.001;
const fastestPerSecond = 100_000;

export const paceFields = {
  rateLimit: z.strictObject(
    {
      perSecond: number('perSecond', slowestPerSecond, fastestPerSecond),
      burst: wholeNumber('burst', 1, 10_000)
        .nullish()
        .transform((value) => value ?? 1),
    },
    { error: 'A rate limit is an object with perSecond (requests), and burst if wanted; or null for none.' },
  ),
  maxConcurrency: wholeNumber('maxConcurrency', 1, 10_000),
};
