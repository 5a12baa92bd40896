// The built server as a process that is run to its end: for what it says and how it exits when it can't or shouldn't serve.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { builtServer } from './server.ts';

export type Ended = { readonly code: number | null; readonly output: string };

/** @param env the Hookledger settings; everything else is the caller's. Killed after 45 s, which is a `code` of null. */
export const runToEnd = async (args: readonly string[], env: Readonly<Record<string, string>> = {}, main = builtServer): Promise<Ended> => {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(HOOKLEDGER_|VITEST|NODE_ENV$|NODE_OPTIONS$|NODE_COMPILE_CACHE$)/.test(name),
  );
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), ...env },
    timeout: 45_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
};
