import { expect, it } from 'vitest';
import { actionOf, pageKeys } from './keys.ts';

type Given = {
  readonly isAfterG?: boolean;
  readonly isTyping?: boolean;
  readonly ctrlKey?: boolean;
  readonly metaKey?: boolean;
  readonly altKey?: boolean;
};
const pages = ['/endpoints', '/deliveries'];
const press = (key: string, { isAfterG = false, isTyping = false, ...modifiers }: Given = {}) =>
  actionOf({ key, ctrlKey: false, metaKey: false, altKey: false, ...modifiers }, { isAfterG, isTyping, pages });

it('knows its keys', () => {
  expect(press('/')).toEqual({ kind: 'search' });
  expect(press('?')).toEqual({ kind: 'sheet' });
  expect(press('j')).toEqual({ kind: 'next' });
  expect(press('k')).toEqual({ kind: 'previous' });
  expect(press('q')).toBeUndefined();
});

it('goes to a page by g and its letter, if the navigation has it', () => {
  expect(press('g')).toEqual({ kind: 'begin go' });
  expect(press('d', { isAfterG: true })).toEqual({ kind: 'go', to: '/deliveries' });
  expect(press('h', { isAfterG: true })).toBeUndefined();
  expect(new Set(Object.values(pageKeys)).size).toBe(Object.keys(pageKeys).length);
});

it('is off while somebody types, but for the search', () => {
  for (const key of ['/', 'j', 'x', 'g', '?', 'Escape']) expect(press(key, { isTyping: true })).toBeUndefined();
  expect(press('k', { isTyping: true, ctrlKey: true })).toEqual({ kind: 'search' });
  expect(press('K', { isTyping: true, metaKey: true })).toEqual({ kind: 'search' });
});

it('leaves the keys of the browser alone', () => {
  expect(press('r', { ctrlKey: true })).toBeUndefined();
  expect(press('j', { altKey: true })).toBeUndefined();
});
