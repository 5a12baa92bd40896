import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

const later = () => new Promise((resolve) => setImmediate(resolve));

it('does as much at a time as there are places', async () => {
  const turns = new Turns(2);
  let [running, most] = [0, 0];
  const work = async () => {
    most = Math.max(most, ++running);
    await later();
    running--;
  };
  await Promise.all(Array.from({ length: 7 }, (_, n) => turns.run(`o/${n}`, work)));
  expect([running, most]).toEqual([0, 2]);
});

it('gives organizations equal turns, however much one of them has to do', async () => {
  const turns = new Turns(1);
  const order: string[] = [];
  const work = (organization: string) => async () => {
    order.push(organization);
    await later();
  };
  const all = Array.from({ length: 50 }, (_, n) => turns.run(`large/${n}`, work('large')));
  all.push(turns.run('small/1', work('small')), turns.run('small/2', work('small')));
  await Promise.all(all);
  expect(order.indexOf('small')).toBeLessThanOrEqual(2);
  expect(order.lastIndexOf('small')).toBeLessThanOrEqual(5);
});

it('goes on after work that failed', async () => {
  const turns = new Turns(1);
  const failing = turns.run('o/1', () => Promise.reject(new Error('no')));
  const next = turns.run('o/2', () => Promise.resolve('yes'));
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
