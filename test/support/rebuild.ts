// Rebuilds and checks what a stopped server left, with the code that its build was made from. That code runs in a process of its own, with
// the flags that sources with decorators and parameter properties need.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LogAddress } from '../../src/event-store/open-log.ts';
import type { DatabaseLocation } from '../../src/read-models/engine/database/open.ts';
import type { Tasks, Where } from './rebuild.process.ts';
import { builtServer } from './server.ts';

type Given = {
  /** The built server. */
  readonly main?: string | undefined;
  /** Where the log is, when not in the data folder. */
  readonly log?: LogAddress | undefined;
  /** Where the views are, when not in the data folder. */
  readonly database?: DatabaseLocation | undefined;
};

const run =
  <K extends keyof Tasks>(task: K) =>
  async (dataDir: string, { main = builtServer, log, database }: Given = {}): Promise<Awaited<ReturnType<Tasks[K]>>> => {
    const where: Where = {
      src: join(dirname(main), '../src'),
      log: log ?? { kind: 'embedded', directory: dataDir },
      database: database ?? { kind: 'sqlite', folder: join(dataDir, 'views') },
    };
    const child = fork(fileURLToPath(new URL('./rebuild.process.ts', import.meta.url)), [task, JSON.stringify(where)], {
      execArgv: ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    let result: Awaited<ReturnType<Tasks[K]>> | undefined;
    child.on('message', (message) => (result = message as typeof result));
    const [code] = (await once(child, 'close')) as [number | null];
    if (result === undefined) throw new Error(`${task} failed with exit code ${code}; its error is on standard error.`);
    return result;
  };

/** Compares the views with ones built from the log in `dataDir`. The server must have stopped. */
export const compareViews = run('compareViews');

/** How fast `hookledger rebuild` builds the views of a log from its start. It compares nothing and drops them afterwards. */
export const timeRebuild = run('timeRebuild');

/** How fast two threads verify the log, without the views. @throws if they find something wrong */
export const timeVerify = run('timeVerify');
