// Schemas of texts, whose issues say which, and what may be printed.
import * as z from 'zod';

export const text = (what: string) => z.string({ error: `${what} must be a text.` });

/** No control character, and no half of a surrogate pair. */
export const isPrintable = (value: string): boolean => value.isWellFormed() && !/\p{Cc}/u.test(value);
