// docs/filters.md is true: each of its filters takes and leaves what it says.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { checkFilter } from '../../src/domain/filter/check-filter.ts';
import { compileFilter } from '../../src/domain/filter/compile-filter.ts';
import { jsonObject } from '../../src/domain/json.ts';

const page = readFileSync(new URL('../../docs/filters.md', import.meta.url), 'utf8');
const blocks = (kind: string): [string][] =>
  Array.from(page.matchAll(/^```json (.*)\n([^]*?)^```$/gm)).flatMap(([, given, json = '']) => (given === kind ? [[json]] : []));
const example = z.object({ filter: jsonObject, takes: z.array(jsonObject).min(1), leaves: z.array(jsonObject).min(1) });
const refusal = z.object({ filter: jsonObject, says: z.string() });

it.each(blocks('filter'))('%s', (json) => {
  const { filter, takes, leaves } = example.parse(JSON.parse(json));
  expect(checkFilter(filter)).toEqual([]);
  const { matches } = compileFilter(filter);
  expect([takes.map(matches), leaves.map(matches)]).toEqual([takes.map(() => true), leaves.map(() => false)]);
});

it.each(blocks('refused'))('refuses %s', (json) => {
  const { filter, says } = refusal.parse(JSON.parse(json));
  expect(checkFilter(filter)[0]?.message).toContain(says);
});

it('has all its examples in these two kinds', () =>
  expect(blocks('filter').length + blocks('refused').length).toBe(page.match(/^```json/gm)?.length));
