// What a position that a person gives must look like: as those of the log that it is to be one of.
import type { Position } from '../domain/ids.ts';

/** The embedded log counts in sixteen digits; a server has two of its numbers, in sixteen hexadecimal digits each. */
const forms = [/^(?!0+$)\d{16}$/, /^[\da-f]{32}$/];

/** @param one a position of that log. Whether it has come so far is another question. */
export const hasFormOf = (given: string, one: Position): given is Position =>
  given.length === one.length && forms.some((form) => form.test(given));
