// The build: `npm run build` bundles the server and each of its threads and processes, with the packages that they import, and the console
// (build-console.ts) into dist/. It does nothing if dist/ is already built from the present sources. `npm run typecheck` checks the types. See docs/adr/0028-bundled.md.
import { createHash } from 'node:crypto';
import { copyFileSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { rolldown } from 'rolldown';
import { buildConsole, consoleSources } from './build-console.ts';
import { docsFilesIn } from './src/api/http/docs-pages.ts';

const root = import.meta.dirname;
const dist = join(root, 'dist');
/** A build is made here and then takes the place of dist/, so one that fails or is interrupted leaves the old one as it is. */
const unfinished = join(root, '.build');
/** Holds the hash of what dist/ was built from. */
const stamp = '.built-from';

/** Files that start a process or a thread. They lie side by side in dist/, where `new URL('./x.worker.js', import.meta.url)` finds them. */
const entries = (): Record<string, string> =>
  Object.fromEntries(
    ['src/main.ts', ...globSync('src/**/*.{worker,process}.ts', { cwd: root })].map((file) => [basename(file, '.ts'), join(root, file)]),
  );

/** Packages that others load if they are installed. They are not, and nothing here needs them. */
const notInstalled = [
  /^@nestjs\/(axios|microservices|mongoose|platform-express|sequelize|typeorm|websockets)/,
  /^class-(transformer|validator)/,
  /^@apollo\/(gateway|subgraph)/,
  /^@fastify\/(multipart|static|view)$/,
  /^@as-integrations\/express/,
  'pg-native',
  'ts-morph',
];

/** Changes with everything that a build reads. Of node_modules, that is the lock file. */
export const hashOfSources = (folder: string): string => {
  const hash = createHash('sha256');
  const sources = ['src/**/*.*', 'docs/*.md', 'README.md', 'build.ts', 'package.json', 'tsconfig.json', ...consoleSources];
  const files = new Set(globSync(sources, { cwd: folder }).filter((name) => !/\.spec\.ts$|\bgenerated\b.*\.d\.ts$/.test(name)));
  for (const file of [...files].toSorted())
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(folder, file)))
      .update('\0');
  return hash.digest('hex');
};

const isBuiltFrom = (hash: string): boolean => {
  try {
    return readFileSync(join(dist, stamp), 'utf8') === hash;
  } catch {
    return false;
  }
};

/**
 * Each thread keeps the text of its code, and one character beyond Latin-1 doubles the memory of a whole file. Such characters are in strings,
 * templates and patterns, where an escape means the same. Lines stay where the source maps have them.
 */
const escapeNonAscii = (file: string): void => {
  const code = readFileSync(file, 'utf8');
  const escaped = code.replace(/(\\*)([\u0080-\uFFFF])/g, (_, backslashes: string, unit: string) => {
    const before = backslashes.length % 2 === 0 ? backslashes : backslashes.slice(1); // a character that is escaped needlessly
    return `${before}\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  if (escaped !== code) writeFileSync(file, escaped);
};

/** @returns the ids of the modules in the bundle: their files, and names of rolldown's own */
const bundle = async (): Promise<string[]> => {
  const bundled = await rolldown({
    cwd: root,
    input: entries(),
    platform: 'node',
    tsconfig: 'tsconfig.json',
    external: notInstalled,
    // Some packages import graphql and others require it. Two copies in one process do not recognize each other's types.
    resolve: { alias: { graphql: 'graphql/index.js' } },
    onLog: (level, log, next) => next(level === 'warn' ? 'error' : level, log),
  });
  const { output } = await bundled.write({
    dir: unfinished,
    format: 'esm',
    sourcemap: true,
    sourcemapExcludeSources: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    comments: false,
  });
  await bundled.close();
  for (const { fileName } of output) if (fileName.endsWith('.js')) escapeNonAscii(join(unfinished, fileName));
  return output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
};

/** The licences of the packages in the bundle, which their authors ask to be passed on with their code. */
const licencesOf = (modules: readonly string[]): string => {
  const folders = new Set(modules.map((id) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id.replaceAll('\\', '/'))?.[0] ?? ''));
  folders.delete('');
  const texts = Array.from(folders, (folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
    const [file] = globSync('{licen[cs]e,LICEN[CS]E,Licen[cs]e}*', { cwd: folder });
    const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
    return `${String(name)} ${String(version)} (${JSON.stringify(license)})\n\n${text}\n`;
  });
  return [...new Set(texts)].toSorted().join(`\n${'-'.repeat(80)}\n\n`);
};

/** @param beforeReplacing stops what runs from dist/. @returns whether there was anything to do */
export const build = async (beforeReplacing?: () => Promise<void>): Promise<boolean> => {
  const hash = hashOfSources(root);
  if (isBuiltFrom(hash)) return false;
  rmSync(unfinished, { recursive: true, force: true });
  const [modules, consoleModules] = await Promise.all([bundle(), buildConsole(join(unfinished, 'console'))]);
  writeFileSync(join(unfinished, 'LICENSES-OF-PACKAGES.txt'), licencesOf([...modules, ...consoleModules]));
  mkdirSync(join(unfinished, 'docs'));
  for (const file of docsFilesIn(root)) copyFileSync(file, join(unfinished, 'docs', basename(file)));
  writeFileSync(join(unfinished, stamp), hash);
  await beforeReplacing?.();
  rmSync(dist, { recursive: true, force: true });
  renameSync(unfinished, dist);
  return true;
};

if (import.meta.main)
  try {
    await build();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
