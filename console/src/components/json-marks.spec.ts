// Which parts of a payload are marked.
import { expect, it } from 'vitest';
import { keyOf, marksOf, namesIn } from './json-marks.ts';

const data = { severity: 'warning', server: { region: 'eu', 'a.b': 1 }, items: [{ sku: 'x' }] };

it('marks the value that a condition is about', () => {
  expect(marksOf(data, [{ path: 'severity', asks: ['critical'] }]).values).toEqual(new Map([[keyOf(['severity']), '["critical"]']]));
  const nested = [
    { path: 'server.region', asks: 'us' },
    { path: String.raw`server.a\.b`, asks: 2 },
  ];
  expect([...marksOf(data, nested).values.keys()]).toEqual([keyOf(['server', 'region']), keyOf(['server', 'a.b'])]);
});

it('says under the object that lacks it what is missing', () => {
  const { values, missing } = marksOf(data, [{ path: 'server.zone.name', asks: 'a' }]);
  expect(values.size).toBe(0);
  expect(missing).toEqual(new Map([[keyOf(['server']), [{ name: 'zone.name', asks: '"a"' }]]]));
});

it('marks an array on the way, and an object for the operators in it', () => {
  expect([...marksOf(data, [{ path: 'items.sku', asks: 'y' }]).values.keys()]).toEqual([keyOf(['items'])]);
  expect([...marksOf(data, [{ path: 'server.$or', asks: [] }]).values.keys()]).toEqual([keyOf(['server'])]);
  expect([...marksOf(data, [{ path: '$not', asks: {} }]).values.keys()]).toEqual([keyOf([])]);
  expect(namesIn('$and.1.severity')).toEqual(['severity']);
});

it('shows numbers with all their digits', () => {
  const asks = JSON.rawJSON('9007199254740993');
  expect([...marksOf({ id: 1 }, [{ path: 'id', asks }]).values.values()]).toEqual(['9007199254740993']);
});
