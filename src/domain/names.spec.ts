import { describe, expect, it } from 'vitest';
import { nameProblem, sameName } from './names.ts';

describe('a name', () => {
  it.each(['CI', 'Überwachung 2', '監視', 'ops: night shift', "l'équipe"])('may be %s', (name) =>
    expect(nameProblem(name)).toBeUndefined(),
  );
  it.each([
    ['empty', '', /blank/],
    ['blank', ' \u00a0 ', /blank/],
    ['of no width', 'a\u200bb', /U\+200B after "a"/],
    ['bidirectional', 'a\u202eb', /U\+202E/],
    ['isolating', 'a\u2066b', /U\+2066/],
    ['a control character', 'a\nb', /U\+000A/],
    ['a filler that shows nothing', '\u3164', /U\+3164/],
    ['half a character', 'a\ud800', /half a character/],
  ])('may not be %s', (_, name, problem) => expect(nameProblem(name)).toMatch(problem));
  it('is the same however it is composed', () => {
    expect(sameName('\u00fc', 'u\u0308')).toBe(true);
    expect(sameName('ci', 'CI')).toBe(false);
  });
});
