// When to try again. Pure.

/** Too many requests; or the log can't be written, or what stands before Hookledger can't reach it. */
export const isTransient = (status: number): boolean => status === 429 || (status >= 502 && status <= 504);

const firstMs = 250;
const longestMs = 10_000;
/** Who is asked to wait longer than this is told so in place of waiting. */
const longestAskedSeconds = 60;

/**
 * The pause after that attempt (1 for the first): it doubles up to 10 s, and half of it is random, so that many clients do not come back at
 * once. It is never shorter than what the answer asked for. Undefined: it asked for more than is waited for.
 */
export const pauseMs = (attempt: number, retryAfterSeconds: number | undefined, random: number): number | undefined => {
  if (retryAfterSeconds !== undefined && retryAfterSeconds > longestAskedSeconds) return undefined;
  const backOff = Math.min(firstMs * 2 ** (attempt - 1), longestMs) * (0.5 + random / 2);
  return Math.max(backOff, (retryAfterSeconds ?? 0) * 1000);
};

/** The value of `Retry-After`, seconds or an HTTP date, in seconds from now; undefined where there is none that can be read. */
export const retryAfterSecondsOf = (value: string | null, now: number): number | undefined => {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value);
  const at = /^[A-Z][a-z]{2}/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000));
};
