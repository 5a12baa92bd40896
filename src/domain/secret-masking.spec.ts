import { expect, it } from 'vitest';
import { maskSecrets } from './secret-masking.ts';

it('a secret is masked wherever a text repeats it', () =>
  expect(maskSecrets('a KEY-4711 b KEY-4711', ['KEY-4711'])).toBe('a •••••• b ••••••'));

it.each([
  ['you sent KEY-47', 'you sent ••••••'],
  ['you sent KEY-471', 'you sent ••••••'],
  ['KEY-4711 and KEY-', '•••••• and ••••••'],
  ['you sent KEY', 'you sent KEY'],
  ['you sent OTHER', 'you sent OTHER'],
])('where a text is cut, the beginning of a secret at its end is masked: %s', (text, masked) =>
  expect(maskSecrets(text, ['KEY-4711', 'SECRET'], true)).toBe(masked),
);

it('a text that is not cut may end in what a secret begins with', () => expect(maskSecrets('a KEY-47', ['KEY-4711'])).toBe('a KEY-47'));
