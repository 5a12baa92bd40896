#!/usr/bin/env node
// The entry of the process: checks the version of Node, sets what has to be set before anything is loaded, and loads the command line.
// Old versions must be able to parse the built file, or their users see a stack trace in place of the sentence: no `import` statement, no
// top-level await, no syntax newer than ES2018.
import { isServe, startAgainWithSettings } from './cli/memory-settings.ts';

/** As package.json has it under `engines`. */
const needed = 24;
const found = process.versions.node;

if (Number(found.split('.')[0]) < needed) {
  process.stderr.write(
    `Hookledger needs Node.js ${needed} or newer, and this is ${found}: install a newer one from https://nodejs.org, or, in a clone, run \`npm start\` or \`npx node dist/main.js\`, which use the one that \`npm ci\` installed.\n`,
  );
  process.exitCode = 1;
} else {
  // Beside the code, where only those can write who could also change the code. If this process can't write there, Node goes on without a cache.
  // As a variable, because threads use the cache only if it is named by one.
  process.env['NODE_COMPILE_CACHE'] = process.env['NODE_COMPILE_CACHE'] || `${import.meta.dirname}/.compile-cache`;
  if (isServe(process.argv)) startAgainWithSettings();
  process.getBuiltinModule('node:module').enableCompileCache();
  void import('./cli/cli.ts').then(({ run }) => run(process.argv));
}
