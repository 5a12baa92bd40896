// When something was, as a number. Events that were committed together have one time, so the last one is remembered.

let last = { text: '', moment: Number.NaN };

/** Milliseconds since 1970 of a time as the log has it (ISO 8601). */
export const momentOf = (text: string): number => {
  if (text !== last.text) last = { text, moment: Date.parse(text) };
  return last.moment;
};
