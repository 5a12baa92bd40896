// Times of the log as numbers. Events that were committed together have the same time, so the last one is cached.

let last = { text: '', moment: Number.NaN };

/** Milliseconds since 1970. @param text ISO 8601, as in the log */
export const momentOf = (text: string): number => {
  if (text !== last.text) last = { text, moment: Date.parse(text) };
  return last.moment;
};
