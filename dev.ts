// `npm run dev`: builds and serves, and does both again on every change of the sources. A build that fails leaves the server as it is.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.ts';

const root = import.meta.dirname;
/** Editors write several files at once. */
const settleMs = 100;
let server: ChildProcess | undefined;

const stop = async (): Promise<void> => {
  if (server?.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill();
  await gone;
};

const buildAndServe = async (): Promise<void> => {
  try {
    if ((await build(stop)) || server === undefined)
      server = spawn(process.execPath, [join(root, 'dist/main.js'), ...process.argv.slice(2)], { stdio: 'inherit' });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
};

let running = buildAndServe();
let timer: NodeJS.Timeout | undefined;
for (const folder of ['src', 'console'])
  watch(join(root, folder), { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(buildAndServe);
    }, settleMs);
  });
// The terminal sends both to the server, too; what ends it ends this.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    server?.kill(signal);
    process.exit();
  });
