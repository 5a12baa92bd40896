import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contrastBetween, contrastWithWhite } from '../../../src/domain/contrast.ts';
import { grounds, mix, shadesOf } from './brand.ts';

const hex = integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, '0')}`);
/** As the API takes them. */
const readable = hex.filter((color) => contrastWithWhite(color) >= 4.5);
const worst = (color: string, behind: readonly string[]) => Math.min(...behind.map((each) => contrastBetween(color, each)));

describe('the palette of any color that the API takes', () => {
  const holds = (rule: (shades: readonly string[], color: string) => void) =>
    assert(property(readable, (color) => rule(shadesOf(color), color)));

  it('has the color itself for buttons in light, and white text on the buttons of both schemes can be read', () =>
    holds((shades, color) => {
      expect(shades[7]).toBe(color);
      for (const button of [6, 7, 8]) expect(contrastWithWhite(shades[button] ?? '')).toBeGreaterThanOrEqual(4.5);
    }));

  it('has links that can be read on every ground of their scheme', () =>
    holds((shades) => {
      expect(worst(shades[8] ?? '', grounds.light)).toBeGreaterThanOrEqual(4.5);
      expect(worst(shades[4] ?? '', grounds.dark)).toBeGreaterThanOrEqual(4.5);
    }));

  it('has buttons that stand out from a dark page, and text on its tints that can be read', () =>
    holds((shades) => {
      expect(worst(shades[6] ?? '', grounds.dark.slice(0, 2))).toBeGreaterThanOrEqual(3);
      expect(worst(shades[9] ?? '', [shades[1] ?? '', shades[2] ?? ''])).toBeGreaterThanOrEqual(4.5);
      expect(contrastBetween(shades[0] ?? '', mix(shades[9] ?? '', '#000000', 0.3))).toBeGreaterThanOrEqual(4.5);
    }));
});

it.each([
  ['#000000', '#ffffff', 0.5, '#808080'],
  ['#1a56db', '#ffffff', 0, '#1a56db'],
  ['#1a56db', '#000000', 1, '#000000'],
])('%s with %s by %d is %s', (color, other, part, mixed) => expect(mix(color, other, part)).toBe(mixed));
