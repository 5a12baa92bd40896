// Checks the format of positions that a person enters.
import type { Position } from '../domain/ids.ts';

/** Positions of the embedded log have sixteen digits; those of a server have two numbers of sixteen hexadecimal digits. */
const formats = [/^(?!0+$)\d{16}$/, /^[\da-f]{32}$/];

/** Whether `given` has the format of `example`, a position of the log. It may still be past the end of that log. */
export const hasPositionFormat = (given: string, example: Position): given is Position =>
  given.length === example.length && formats.some((format) => format.test(given));
