// An organization's color as a palette that can be read in both schemes: whatever color it chose, text has a contrast of 4.5 : 1 with what is behind it. Pure.
import { contrastBetween, leastContrast } from '../../../src/domain/contrast.ts';

/** What is behind text: the page, a row under the pointer, a card. */
export const grounds = { light: ['#ffffff', '#f7f8fa', '#f1f3f5'], dark: ['#141619', '#1b1e22', '#2e3238'] } as const;
/** Buttons stand out from the page. */
const leastContrastOfShapes = 3;
const [white, black] = ['#ffffff', '#000000'];

type Shades = [string, string, string, string, string, string, string, string, string, string];

/** @param part of `other`, from 0 to 1 */
export const mix = (color: string, other: string, part: number): string => {
  const channel = (text: string, at: number) => Number.parseInt(text.slice(at, at + 2), 16);
  const mixed = [1, 3, 5].map((at) => Math.round(channel(color, at) * (1 - part) + channel(other, at) * part));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
};

/** The least mixing with `towards` that has this contrast with every one of `behind`. */
const until = (contrast: number, color: string, towards: string, behind: readonly string[]): string => {
  for (let part = 0; part < 1; part += 0.01) {
    const mixed = mix(color, towards, part);
    if (behind.every((each) => contrastBetween(mixed, each) >= contrast)) return mixed;
  }
  return towards;
};

/** Shade 7 is the color itself, for buttons in light; 6 those in dark; 4 links in dark, and 8 links in light. @param color `#rrggbb`, readable on white */
export const shadesOf = (color: string): Shades => {
  const tint = (part: number) => mix(color, white, part);
  const darkButton = until(leastContrastOfShapes, color, white, grounds.dark.slice(0, 2));
  return [
    tint(0.92),
    tint(0.86),
    tint(0.76),
    tint(0.6),
    until(leastContrast, color, white, grounds.dark),
    tint(0.3),
    darkButton,
    color,
    until(leastContrast, mix(color, black, 0.08), black, grounds.light),
    until(leastContrast, mix(color, black, 0.2), black, [tint(0.86), tint(0.76)]),
  ];
};
