// Starts a process that appends to an embedded log (appender.ts).
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** Starts test/event-store/appender.ts, and resolves when it has opened the log. */
export const startAppender = async (directory: string, task: 'pairs' | 'hold') => {
  const flags = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];
  const child: ChildProcess = spawn(process.execPath, [...flags, path.join(import.meta.dirname, 'appender.ts'), directory, task], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const reader = createInterface({ input: child.stdout ?? process.stdin });
  reader.on('line', (line) => {
    lines.push(line);
    if (lines.length > (task === 'pairs' ? 300 : 0)) resolve();
  });
  const read = once(reader, 'close');
  await Promise.race([enough, read]);
  const kill = async () => {
    child.kill('SIGKILL');
    await read;
    return lines.slice(1);
  };
  return { kill, opened: lines[0] === 'open' };
};
