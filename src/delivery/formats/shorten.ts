// Shortening: a text that is too long for a service ends visibly in "…", and no character is cut in half. Pure.

/** How much of a limit a character takes: five at most for each of its UTF-16 units. */
export type Size = (character: string) => number;

/** As services count that tell limits in characters: an emoji may count as two, so never too few. */
export const units: Size = (character) => character.length;

/** The text as it is, or its beginning and "…", so that it takes `most` at most. */
export const shorten = (text: string, most: number, size: Size = units): string => {
  if (text.length * 5 <= most) return text;
  const room = most - size('…');
  let taken = 0;
  let at = 0;
  let end = 0;
  for (const character of text) {
    taken += size(character);
    if (taken > most) return room < 0 ? '' : `${text.slice(0, end).trimEnd()}…`;
    at += character.length;
    if (taken <= room) end = at;
  }
  return text;
};
