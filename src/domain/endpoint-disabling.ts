// Whether an endpoint that is dead for long is disabled by itself.
import * as z from 'zod';
import { wholeNumber } from './number-range.ts';

/** As stored in events. Part of their storage format: never edit it. Null, and absent as in all older events: never. */
export const storedDisabling = z
  .int()
  .nullable()
  .describe('The endpoint is disabled when no attempt has succeeded for so long while there were failures; null: never.');

export type DisablingSettings = { readonly disableAfterSeconds: number | null };

/** Five days, for endpoints whose creator says nothing. */
export const defaultDisableAfterSeconds = 432_000;

/** As a person gives it. */
export const disableAfterSeconds = wholeNumber('disableAfterSeconds', 1, 31_536_000);

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** `5 days`, `90 minutes`: in the largest unit that measures it in whole numbers. */
export const inWords = (seconds: number): string => {
  const whole = Math.max(1, Math.round(seconds));
  const [unit, size] = units.find(([, each]) => whole % each === 0 && whole >= each) ?? ['second', 1];
  const count = whole / size;
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
};

/** No attempt has succeeded for that long. */
export const isDead = ({ disableAfterSeconds: after }: DisablingSettings, deadMs: number): boolean =>
  after !== null && deadMs >= after * 1_000;
