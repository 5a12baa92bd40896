// Shortens a text that is too long for a service: it ends in "…", and no character is cut in half. Pure.

/** How much of the limit a character takes: at most five per UTF-16 unit. */
export type Size = (character: string) => number;

/** For services with limits in characters: some count an emoji as two, so this counts UTF-16 units. */
export const units: Size = (character) => character.length;

/** The text unchanged, or its beginning and "…", to take `max` at most. */
export const shorten = (text: string, max: number, size: Size = units): string => {
  if (text.length * 5 <= max) return text;
  const room = max - size('…');
  let taken = 0;
  let at = 0;
  let end = 0;
  for (const character of text) {
    taken += size(character);
    if (taken > max) return room < 0 ? '' : `${text.slice(0, end).trimEnd()}…`;
    at += character.length;
    if (taken <= room) end = at;
  }
  return text;
};
