// Builds the console and the playground with Vite into dist/console. It keeps the result by the hash of what it was made from, so that a change of
// the server alone does not build them again.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { rolldown } from 'rolldown';
import { build as viteBuild, type Rolldown } from 'vite';

const root = import.meta.dirname;
const cache = join(root, 'node_modules/.cache/console');

/** What the console is made of: its own sources, the rules that it shares with the server, and the packages. */
export const consoleSources = ['console/**/*.*', 'src/domain/**/*.ts', 'build-console.ts', 'package-lock.json'];

const hashOf = (): string => {
  const hash = createHash('sha256');
  const isSource = (file: string) => !/\.(spec|d)\.ts$/.test(file);
  for (const file of globSync(consoleSources, { cwd: root }).filter(isSource).toSorted())
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
};

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

/** Beside each file, what it is in a compressed response. Quality 9 takes a tenth of the time of 11, and gives 3 % more bytes. */
const compress = async (folder: string): Promise<void> => {
  const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  await Promise.all(
    globSync('assets/*.{js,css,svg}', { cwd: folder }).map(async (name) => {
      const file = join(folder, name);
      const content = readFileSync(file);
      if (content.length < 1_024) return;
      writeFileSync(`${file}.br`, await compressBrotli(content, options));
      writeFileSync(`${file}.gz`, await compressGzip(content));
    }),
  );
};

/**
 * What the first page needs is in two files. Compressed together it is smaller than in the thirty that pages share it by. The portal takes both, so the
 * console's own shell stays out.
 */
const firstChunks = [
  { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/, priority: 1 },
  {
    name: 'frame',
    tags: ['$initial'],
    test: /[\\/]console[\\/]src[\\/](?!main\.|portal|router\.|shell)[^?]*\.tsx?$|node_modules[\\/](@mantine|@tanstack|@urql|urql|wonka)[\\/].*\.m?js$/,
  },
] as const satisfies readonly Rolldown.CodeSplittingGroup[];

/** A script of its own, which pages of other sites load by one name for ever. */
const bundlePortalElement = async (file: string): Promise<void> => {
  const bundled = await rolldown({ input: join(root, 'console/portal-element/portal-element.ts') });
  await bundled.write({ file, format: 'iife', minify: true });
  await bundled.close();
};

/** @returns the packages' modules in the build, for their licences */
const bundle = async (outDir: string): Promise<string[]> => {
  const modules = new Set<string>();
  await viteBuild({
    configFile: false,
    root: join(root, 'console'),
    logLevel: 'error',
    plugins: [
      {
        name: 'list-modules',
        generateBundle: (_, bundled) => {
          for (const file of Object.values(bundled)) if (file.type === 'chunk') for (const id of file.moduleIds) modules.add(id);
        },
      },
    ],
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      chunkSizeWarningLimit: 5_000,
      rolldownOptions: {
        input: ['index.html', 'portal.html', 'playground.html'].map((page) => join(root, 'console', page)),
        output: { codeSplitting: { groups: [...firstChunks] } },
      },
    },
  });
  await bundlePortalElement(join(outDir, 'portal.js'));
  return [...modules].filter((id) => /node_modules/.test(id)).map((id) => id.split('?', 1)[0] ?? id);
};

/** Another build may be at work, or copy from what it made. */
const isOld = (name: string): boolean => Date.now() - statSync(join(cache, name)).mtimeMs > 60 * 60 * 1_000;

/** Puts the built console into `folder`. @returns the packages' modules in it */
export const buildConsole = async (folder: string): Promise<string[]> => {
  const kept = join(cache, hashOf());
  if (!existsSync(kept)) {
    mkdirSync(cache, { recursive: true });
    const unfinished = mkdtempSync(join(cache, 'unfinished-'));
    const modules = await bundle(unfinished);
    await compress(unfinished);
    writeFileSync(join(unfinished, 'modules.json'), JSON.stringify(modules));
    for (const older of globSync('*', { cwd: cache }).filter(isOld)) rmSync(join(cache, older), { recursive: true, force: true });
    try {
      renameSync(unfinished, kept);
    } catch (error) {
      if (!existsSync(kept)) throw error; // another build was as fast, and made the same
      rmSync(unfinished, { recursive: true });
    }
  }
  cpSync(kept, folder, { recursive: true, filter: (file) => basename(file) !== 'modules.json' });
  return JSON.parse(readFileSync(join(kept, 'modules.json'), 'utf8')) as string[];
};
