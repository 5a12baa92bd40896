import { describe, expect, it } from 'vitest';
import type { Position } from '../../domain/ids.ts';
import { newPrivateKey, privateKeyOf, publicKeyOf } from '../../secrets/signing-keys.ts';
import { leafHash } from './merkle-tree.ts';
import { chainLinkOf, firstDifference, bytesPerMark, findSealProblem, SegmentBuilder, signSeal } from './seal.ts';

const secret = newPrivateKey();
const [publicKey, privateKey] = [publicKeyOf(secret), privateKeyOf(secret)];
const segmentOf = (...entries: string[]) => {
  const builder = new SegmentBuilder();
  for (const [i, entry] of entries.entries())
    builder.add(leafHash(entry), { position: `0${i}` as Position, last: { stream: 's-1', revision: i } });
  const segment = builder.segment();
  if (!segment) throw new Error('There is nothing in it.');
  return segment;
};
const first = signSeal(segmentOf('a', 'b'), undefined, publicKey, privateKey);
const second = signSeal(segmentOf('c', 'd', 'e'), chainLinkOf(first), publicKey, privateKey);

describe('a chain of seals', () => {
  it('is valid from its start', () => {
    expect([findSealProblem(first, undefined, publicKey), findSealProblem(second, chainLinkOf(first), publicKey)]).toEqual([
      undefined,
      undefined,
    ]);
    expect(second).toMatchObject({ number: 2, count: 3, total: 5, position: '02', last: { stream: 's-1', revision: 2 } });
  });

  it.each(['root', 'count', 'total', 'marks', 'previous', 'position'] as const)('is broken if %s was changed', (field) =>
    expect(findSealProblem({ ...second, [field]: typeof second[field] === 'number' ? 9 : 'AA' }, chainLinkOf(first), publicKey)).toMatch(
      /The signature of seal 2 does not match/,
    ),
  );

  it('is broken if a seal is missing or was replaced', () => {
    expect(findSealProblem(second, undefined, publicKey)).toMatch(/Seal 2 follows seal 0: a seal between them was removed or moved/);
    const other = signSeal(segmentOf('x', 'y'), undefined, publicKey, privateKey);
    expect(findSealProblem(second, chainLinkOf(other), publicKey)).toMatch(
      /Seal 2 does not continue the seal before it: that seal was changed/,
    );
  });
});

describe('the first difference', () => {
  const { marks } = segmentOf('a', 'b', 'c', 'd');
  const found = (text: string) => firstDifference(marks, Array.from(text, leafHash));

  it('has a mark for each event', () => expect(Buffer.from(marks, 'base64')).toHaveLength(4 * bytesPerMark));

  it('is found however many events there are', () => {
    const entries = Array.from({ length: 1_500 }, (_, i) => `entry ${i}`);
    const leaves = entries.map(leafHash);
    expect(firstDifference(segmentOf(...entries).marks, leaves.with(1_400, leafHash('another')))).toEqual({
      what: 'changed',
      index: 1_400,
    });
  });

  it.each([
    ['axcd', 'changed', 1],
    ['abcx', 'changed', 3],
    ['acd', 'removed', 1],
    ['bcd', 'removed', 0],
    ['abc', 'removed', 3],
    ['abxcd', 'added', 2],
    ['abcxd', 'added', 3],
    ['aabcd', 'added', 1],
    ['acbd', 'moved', 1],
    ['dabc', 'moved', 0],
    ['bcda', 'moved', 0],
  ] as const)('of abcd and %s: %s, at %i', (text, what, index) => expect(found(text)).toEqual({ what, index }));

  it.each([
    ['abcef', 'removed', 3],
    ['abcxef', 'changed', 3],
    ['abcdef', 'changed', 3],
    ['abecdf', 'moved', 2],
  ] as const)('of abcd before ef, and %s: %s, at %i', (text, what, index) =>
    expect(firstDifference(marks, Array.from(text, leafHash), segmentOf('e', 'f').marks)).toEqual({ what, index }),
  );
});
