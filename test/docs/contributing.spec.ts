// CONTRIBUTING.md is true: the walk of a message goes from file to file as it says, and each promise of the README leads to code and a spec that exist.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const textOf = (page: string) => readFileSync(join(root, page), 'utf8');
const readme = textOf('README.md');
/** The README on one line: its sentences may continue on the next line. */
const readmeText = readme.replaceAll(/\s+/g, ' ');

const contributing = textOf('CONTRIBUTING.md');
const [, section = ''] = /^## Where to find it$([^]*?)^## /m.exec(contributing) ?? [];
const cells = Array.from(section.matchAll(/^\| (.+?) +\| (.+?) +\| (.+?) +\|$/gm), ([, ...row]) => row).slice(2); // after the table's head
const rows = cells.map(([promise = '', code = '', spec = '']) => {
  const files = (cell: string) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, file = '']) => file);
  return { promise, code: files(code), specs: files(spec) };
});

describe('the table "Where to find it"', () => {
  it('has every guarantee and every feature of the README', () => {
    const [, features = ''] = /^## What you get$([^]*?)^## /m.exec(readme) ?? [];
    const [, guarantees = ''] = /^## Guarantees$([^]*?)^## /m.exec(readme) ?? [];
    const promised = [
      ...Array.from(features.matchAll(/^- \*\*(.+?)\.?\*\*/gm), ([, name = '']) => name),
      ...Array.from(guarantees.matchAll(/^\| ([A-Z].*?) +\|/gm), ([, name = '']) => name),
    ];
    expect(promised.length).toBeGreaterThanOrEqual(12);
    expect(promised.filter((promise) => !rows.some((row) => row.promise === promise))).toEqual([]);
  });

  it.each(rows)('$promise: is in the README; its code and spec are there', ({ promise, code, specs }) => {
    expect(readmeText.includes(promise)).toBe(true);
    expect(code.length).toBeGreaterThan(0);
    expect(specs.length).toBeGreaterThan(0);
    expect([...code, ...specs].filter((file) => !existsSync(join(root, file)))).toEqual([]);
    expect(specs.filter((file) => !file.endsWith('.spec.ts'))).toEqual([]);
  });
});

/** Whether the file imports the other, itself or in its context. */
const imports = (from: string, to: string): boolean => {
  const text = textOf(from);
  const [, context] = /from '\.\/([\w-]+-context\.ts)'/.exec(text) ?? [];
  return [text, ...(context === undefined ? [] : [textOf(join(dirname(from), context))])].some((each) =>
    each.includes(`/${basename(to)}'`),
  );
};

it('the walk of a message has as many files as it says; each imports the next, unless that one follows the log', () => {
  const walk = Array.from(contributing.matchAll(/^\d\. `([^`]+)` (.+)$/gm), ([, file = '', does = '']) => ({ file, does }));
  const numbers = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
  expect(contributing).toContain(`through ${numbers[walk.length]} files`);
  const broken = walk.filter(({ file, does }, i) => {
    const before = walk[i - 1];
    return before !== undefined && !does.startsWith('follows the log') && !imports(before.file, file);
  });
  expect(broken).toEqual([]);
  expect(walk.filter(({ does }) => does.startsWith('follows the log'))).toHaveLength(1);
});
