import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalog, type EventName } from '../domain/catalog.ts';
import { plainCheckOf } from './plain-check.ts';

const golden = join(import.meta.dirname, '../../test/golden');
const read = (file: string) => JSON.parse(readFileSync(join(golden, file), 'utf8')) as { event: { data: unknown } };
const samples = readdirSync(golden, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.json'))
  .map((file) => ({ type: file.replace(/\.v\d+\.json$/, '') as EventName, data: read(file).event.data }));
const odd = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, 1.5, 2 ** 53, '', 'text', '__proto__', 'ENABLED'),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>,
);

/** A JSON value with one place changed, taken away or added. */
const mutate = (value: unknown, path: readonly number[], to: unknown, how: 'set' | 'drop' | 'add'): unknown => {
  const copy = structuredClone(value);
  let at: unknown = copy;
  for (const [i, step] of path.entries()) {
    if (typeof at !== 'object' || at === null) return to;
    const keys = Object.keys(at);
    if (keys.length === 0) return copy;
    const key = keys[step % keys.length] as string;
    const holder = at as Record<string, unknown>;
    if (i === path.length - 1) {
      if (how === 'drop') delete holder[key];
      else holder[how === 'add' ? `${key}2` : key] = to;
    } else at = holder[key];
  }
  return copy;
};

describe('the plain check', () => {
  it('knows every schema of the catalog, and takes what was written', () => {
    expect(Object.entries(catalog).filter(([, schema]) => !plainCheckOf(schema))).toEqual([]);
    expect(samples.length).toBeGreaterThan(20);
    expect(samples.filter(({ type, data }) => !plainCheckOf(catalog[type])?.(data))).toEqual([]);
  });

  it('takes nothing that zod refuses or would change', () => {
    const change = fc.record({
      sample: fc.nat(),
      path: fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }),
      to: odd,
      how: fc.constantFrom('set', 'drop', 'add'),
    });
    let taken = 0;
    fc.assert(
      fc.property(change, ({ sample, path, to, how }) => {
        const { type, data } = samples[sample % samples.length] as (typeof samples)[number];
        const changed: unknown = JSON.parse(JSON.stringify(mutate(data, path, to, how)));
        if (!plainCheckOf(catalog[type])?.(changed)) return;
        taken++;
        expect(JSON.stringify(catalog[type].parse(changed))).toBe(JSON.stringify(changed));
      }),
      { numRuns: 3_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('is not made of what it does not know', () => {
    for (const schema of [
      z.email(),
      z.string().max(3),
      z.string().transform(Number),
      z.union([z.string(), z.number()]),
      z.looseObject({}),
      z.string().default(''),
    ])
      expect(plainCheckOf(schema)).toBeUndefined();
    expect(plainCheckOf(z.object({ a: z.string().trim() }))).toBeUndefined();
  });

  it('leaves to zod what is optional and undefined, or a field of another name', () => {
    const check = plainCheckOf(z.object({ a: z.string().optional(), b: z.int() }));
    expect(
      [{ b: 1 }, { a: 'x', b: 1 }, { a: undefined, b: 1 }, { b: 1, c: 1 }, { a: 'x' }, { b: 1.5 }, [], null].map((each) => check?.(each)),
    ).toEqual([true, true, false, false, false, false, false, false]);
  });
});
