import { expect, it } from 'vitest';
import { RecentEntries } from './recent-entries.ts';

it('keeps the entries used most recently, and forgets the others', () => {
  const entries = new RecentEntries<number>(10);
  for (let n = 0; n < 5; n++) entries.set(`key ${n}`, n);
  expect(entries.get('key 0')).toBe(0); // used again
  for (let n = 5; n < 10; n++) entries.set(`key ${n}`, n);
  expect(['key 0', 'key 9'].map((key) => entries.get(key))).toEqual([0, 9]);
  expect(entries.get('key 1')).toBeUndefined();
});
