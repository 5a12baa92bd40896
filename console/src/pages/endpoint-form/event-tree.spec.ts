import { expect, it } from 'vitest';
import { firstTaken, groupsOf, markOfGroup, markOfType, othersIn, toggleGroup, toggleType } from './event-tree.ts';

const groups = groupsOf([
  { name: 'order.paid', group: 'orders' },
  { name: 'order.created', group: 'orders' },
  { name: 'alert.created', group: 'alerts' },
]);
const [alerts, orders] = groups as [(typeof groups)[number], (typeof groups)[number]];

it('sorts groups and their types by name', () => {
  expect(groups).toEqual([
    { name: 'alerts', types: ['alert.created'] },
    { name: 'orders', types: ['order.created', 'order.paid'] },
  ]);
});

it('marks what is taken, whether by name, group, pattern or all', () => {
  for (const chosen of [['*'], ['orders'], ['order.*'], ['order.created', 'order.paid']]) expect(markOfGroup(chosen, orders)).toBe('all');
  expect(markOfGroup(['order.paid'], orders)).toBe('some');
  expect(markOfGroup(['alerts'], orders)).toBe('none');
  expect(markOfType(['order.paid'], orders, 'order.created')).toBe(false);
});

it('spells out all once a part of it is taken away', () => {
  expect(toggleGroup(['*'], groups, alerts)).toEqual(['orders']);
  expect(toggleType(['*'], groups, orders, 'order.paid')).toEqual(['alerts', 'order.created']);
});

it('names the group once all of its types are chosen', () => {
  expect(toggleType(['order.paid'], groups, orders, 'order.created')).toEqual(['orders']);
  expect(toggleType(['orders'], groups, orders, 'order.created')).toEqual(['order.paid']);
  expect(toggleGroup(['order.paid'], groups, orders)).toEqual(['orders']);
  expect(toggleGroup(['orders', 'meeting.*'], groups, orders)).toEqual(['meeting.*']);
});

it('knows what the tree does not show, and the first type that is taken', () => {
  expect(othersIn(['*', 'orders', 'alert.created', 'meeting.*'], groups)).toEqual(['meeting.*']);
  expect(firstTaken(['*'], groups)).toBe('alert.created');
  expect(firstTaken(['order.p*', 'orders'], groups)).toBe('order.created');
  expect(firstTaken(['meeting.*'], groups)).toBeUndefined();
});
