import { expect, it } from 'vitest';
import { asOfNow, newText, noRows, released, withAnswer, withChanges, withNews, type LiveRows } from './live-rows.ts';

type Delivery = { readonly id: string; readonly createdAt: string; readonly status?: string };
const row = (id: number, status?: string): Delivery => ({
  id: String(id),
  createdAt: `2026-01-01T00:00:${String(id).padStart(2, '0')}.000Z`,
  ...(status !== undefined && { status }),
});
/** Newest first, as lists are. */
const rows = (...ids: readonly number[]) => ids.map((id) => row(id));
const ids = ({ rows: all }: LiveRows<Delivery>) => all.map(({ id }) => Number(id));
const listOf = (...all: readonly number[]) => withAnswer<Delivery>(noRows, rows(...all), true, false);
const all = () => true;
const flowing = { isFlowing: true, isMore: false, matches: all };
const resting = { isFlowing: false, isMore: false, matches: all };

it('shows the first answer', () => {
  expect(ids(listOf(3, 2, 1))).toEqual([3, 2, 1]);
});

it('changes rows in place', () => {
  const list = withChanges(listOf(3, 2, 1), [row(2, 'FAILED')], resting);
  expect(list.rows).toEqual([row(3), row(2, 'FAILED'), row(1)]);
});

it('lets new rows in at the top while nothing holds the list', () => {
  expect(ids(withChanges(listOf(3, 2), rows(4, 5), flowing))).toEqual([5, 4, 3, 2]);
});

it('keeps new rows waiting while the list is held, and shows them in order when asked', () => {
  const once = withChanges(listOf(3, 2), rows(4), resting);
  const twice = withChanges(once, rows(5, 4), resting);
  expect(ids(twice)).toEqual([3, 2]);
  expect(newText(twice)).toBe('2 new');
  expect(ids(released(twice))).toEqual([5, 4, 3, 2]);
});

it('takes an older row that changed for no new one, nor one that the filters leave out', () => {
  const list = withChanges(listOf(5, 4), [row(1), row(9)], { ...resting, matches: ({ id }) => id !== '9' });
  expect(newText(list)).toBe('0 new');
});

it('says that more wait than it knows', () => {
  expect(newText(withChanges(listOf(3), rows(4), { ...resting, isMore: true }))).toBe('1+ new');
  const many = withChanges(listOf(1), rows(...Array.from({ length: 58 }, (_, at) => 59 - at)), resting);
  expect(newText(many)).toBe('50+ new');
});

it('finds what it missed when it is asked again: changed rows change, newer ones wait', () => {
  const list = withAnswer(listOf(3, 2, 1), [row(5), row(4), row(3, 'SUCCEEDED')], false, false);
  expect(list.rows).toEqual([row(3, 'SUCCEEDED'), row(2), row(1)]);
  expect(newText(list)).toBe('2 new');
});

it('loses no row between the first page and the page below it', () => {
  expect(ids(withAnswer(listOf(3, 2, 1), rows(5, 4, 3), true, true))).toEqual([5, 4, 3, 2, 1]);
});

it('begins again where so many are new that the answer does not reach down to what is shown', () => {
  const answer = rows(9, 8, 7);
  const list = withAnswer(listOf(3, 2, 1), answer, true, true);
  expect(list.rows).toBe(answer);
  expect(newText(withAnswer(listOf(3, 2, 1), answer, false, true))).toBe('3+ new');
});

it('takes no answer for newer than what changed after the question', () => {
  const changes = withNews(withNews(new Map(), [row(1, 'RETRYING')], 100), [row(2, 'FAILED')], 200);
  const answer = [row(2, 'PENDING'), row(1, 'SUCCEEDED')];
  expect(asOfNow(answer, changes, 150)).toEqual([row(2, 'FAILED'), row(1, 'SUCCEEDED')]);
  expect(asOfNow(answer, changes, 201)).toEqual(answer);
  expect(withNews(changes, [], 60_150).size).toBe(1);
});
