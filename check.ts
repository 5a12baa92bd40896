// `npm run check`: everything that `npm test` checks before the specs, two checks at a time. Prints what each one says when it ends.
import { exec } from 'node:child_process';

/** The slowest first. `typecheck` also lints, in the same pass, and builds first: the console's types come from the built server. */
const waiting = ['typecheck', 'format:check', 'imports', 'build:client'];
const atOnce = 2;

const check = (script: string): Promise<boolean> =>
  new Promise((resolve) => {
    exec(`npm run --silent ${script}`, { maxBuffer: Number.POSITIVE_INFINITY }, (error, stdout, stderr) => {
      process.stdout.write(`${stdout}${stderr}`);
      if (error !== null) console.error(`npm run ${script} failed.`);
      resolve(error === null);
    });
  });

const worker = async (): Promise<void> => {
  for (let script = waiting.shift(); script !== undefined; script = waiting.shift()) if (!(await check(script))) process.exitCode = 1;
};
await Promise.all(Array.from({ length: atOnce }, worker));
