// docs/events.md matches the catalog.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { catalog } from '../domain/catalog.ts';
import { eventsPage } from './docs-events.ts';

it('docs/events.md is up to date (else run `npm run docs:events`)', () =>
  expect(readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8')).toBe(eventsPage()));

it.each(Object.keys(catalog))('describes %s in a sentence', (type) => {
  const [, sentence = ''] = eventsPage().split(`### \`${type}\`\n\n`);
  expect(sentence.split('\n', 1)[0]).toMatch(/^[A-Z].*\.$/);
});
