// Decides whether and when to retry. Pure.

/** 429: too many requests. 502 to 504: the log can't be written, or a proxy can't reach Hookledger. */
export const isTransient = (status: number): boolean => status === 429 || (status >= 502 && status <= 504);

const firstMs = 250;
const longestMs = 10_000;
/** The client does not wait longer than this; it throws the error instead. */
const longestAskedSeconds = 60;

/**
 * The pause after an attempt (1 is the first). It doubles up to 10 s. Half of it is random, to keep many clients from coming back at once.
 * It is never shorter than `retryAfterSeconds`. Undefined: the answer asks for a longer wait than the client accepts.
 */
export const pauseMs = (attempt: number, retryAfterSeconds: number | undefined, random: number): number | undefined => {
  if (retryAfterSeconds !== undefined && retryAfterSeconds > longestAskedSeconds) return undefined;
  const backOff = Math.min(firstMs * 2 ** (attempt - 1), longestMs) * (0.5 + random / 2);
  return Math.max(backOff, (retryAfterSeconds ?? 0) * 1000);
};

/** Reads `Retry-After` (seconds or an HTTP date) as seconds from now. Undefined if it is missing or unreadable. */
export const retryAfterSecondsOf = (value: string | null, now: number): number | undefined => {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value);
  const at = /^[A-Z][a-z]{2}/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000));
};
