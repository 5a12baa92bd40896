// Retry-After: how long a receiver that answers 429 or 503 wants to be left alone (RFC 9110, 10.2.3).

const longestMs = 60 * 60 * 1000;
/** Of a time that is over already, too: an endpoint that answers `Retry-After: 0` each time is not called in a tight loop. */
const shortestMs = 1_000;

/** The three forms of an HTTP date. The asctime form names no zone; it is in GMT like the others. */
const httpDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;
const parseHttpDate = (text: string): number =>
  httpDate.test(text) ? Date.parse(text.endsWith('GMT') ? text : `${text} GMT`) : Number.NaN;

type AnswerHeaders = {
  readonly retryAfter: string | undefined;
  /** When the receiver answered, by its own clock. */
  readonly date: string | undefined;
};

/**
 * The time before which a 429 or 503 wants no other request: whole or broken seconds, rounded up, or an HTTP date. A date is read against the answer's own
 * `Date`, so the receiver's clock may be wrong. From one second to one hour from now. Undefined for other statuses and for a value that can't be read.
 */
export const retryAfterOf = (code: number, { retryAfter, date }: AnswerHeaders, now: Date): Date | undefined => {
  if ((code !== 429 && code !== 503) || retryAfter === undefined) return undefined;
  const waitMs = waitOf(retryAfter.trim(), date?.trim() ?? '', now);
  return Number.isNaN(waitMs) ? undefined : new Date(now.getTime() + Math.min(Math.max(waitMs, shortestMs), longestMs));
};

const waitOf = (given: string, date: string, now: Date): number => {
  if (/^\d+(\.\d*)?$/.test(given)) return Math.ceil(Number(given)) * 1000;
  const answeredAt = parseHttpDate(date);
  return parseHttpDate(given) - (Number.isNaN(answeredAt) ? now.getTime() : answeredAt);
};
