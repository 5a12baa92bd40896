import { assert, bigInt, property, record } from 'fast-check';
import { expect, it } from 'vitest';
import { position } from '../../domain/ids.ts';
import { toPosition, toServerPosition } from './positions.ts';

const pair = record({ commit: bigInt({ min: 0n, max: 2n ** 64n - 1n }), prepare: bigInt({ min: 0n, max: 2n ** 64n - 1n }) });

it('keeps both halves of a position, and their order', () =>
  assert(
    property(pair, pair, (a, b) => {
      expect(toServerPosition(toPosition(a))).toEqual(a);
      const isBefore = a.commit < b.commit || (a.commit === b.commit && a.prepare < b.prepare);
      expect(toPosition(a) < toPosition(b)).toBe(isBefore);
    }),
  ));

it('refuses what is a position of another log', () =>
  expect(() => toServerPosition(position.parse('0000000000000007'))).toThrow(/"0000000000000007" is not a position of this log/));
