import { expect, it } from 'vitest';
import { ReceiverSpeed } from './receiver-speed.ts';

const speedOf = (answers: readonly number[]) => {
  const clock = { now: 0 };
  const speed = new ReceiverSpeed(() => clock.now);
  for (const ms of answers) speed.observe('answers', ms);
  return { speed, clock };
};

it('keeps up if it could take a thousand requests a second, whatever some answers wait for', () => {
  expect(speedOf([80, 300, 20, 90]).speed.keepsUp(64)).toBe(true);
  expect(speedOf([80, 300, 20, 90]).speed.keepsUp(10)).toBe(false);
  expect(speedOf([100, 110]).speed.keepsUp(64)).toBe(false);
});

it('forgets a fast answer once many slower ones came after it', () => {
  expect(speedOf([1, ...Array<number>(30).fill(100)]).speed.keepsUp(64)).toBe(true);
  expect(speedOf([1, ...Array<number>(64).fill(100)]).speed.keepsUp(64)).toBe(false);
});

it('does not keep up before its first answer, after a failure, or a second after its last answer', () => {
  expect(speedOf([]).speed.keepsUp(64)).toBe(false);
  const { speed, clock } = speedOf([1]);
  speed.observe('unknown', 0);
  expect(speed.keepsUp(64)).toBe(true);
  clock.now = 1_000;
  expect(speed.keepsUp(64)).toBe(false);
  speed.observe('answers', 1);
  expect(speed.keepsUp(64)).toBe(true);
  speed.observe('silent', 1);
  expect(speed.keepsUp(64)).toBe(false);
});
