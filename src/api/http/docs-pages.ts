// The pages of the documentation, of this very version: the build copies them beside the server; run from its sources, it takes them from docs/.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const repository = join(here, '../../..');

/** README first; then docs/ by name, without its folders. */
export const docsFilesIn = (root: string): readonly string[] => [
  join(root, 'README.md'),
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .toSorted()
    .map((name) => join(root, 'docs', name)),
];

const builtFiles = (): readonly string[] => {
  const folder = join(here, 'docs');
  return readdirSync(folder)
    .toSorted() // capitals first
    .map((name) => join(folder, name));
};

export type DocsPage = {
  /** Of its file, such as `operations.md`. */
  readonly name: string;
  /** Its first heading. */
  readonly title: string;
  /** Markdown. */
  readonly text: string;
};

export const readDocs = (): readonly DocsPage[] => {
  const files = import.meta.url.endsWith('.ts') ? docsFilesIn(repository) : builtFiles();
  return files.map((file) => {
    const text = readFileSync(file, 'utf8');
    return { name: basename(file), title: /^# (.+)$/m.exec(text)?.[1] ?? basename(file), text };
  });
};
