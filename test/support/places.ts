// Where a server keeps its log and its views: all embedded, or on a log server and in PostgreSQL. Suites of what must hold in both run on each.
import { expect } from 'vitest';
import { postgresUrl } from './databases.ts';
import { logKinds } from './logs.ts';
import { dropSchemasOfGuest, newPrefix } from './postgres.ts';
import { runToEnd } from './process.ts';
import type { Server } from './server.ts';

type Place = {
  /** What a process is told, to use this log and this database. */
  readonly env: Readonly<Record<string, string>>;
  /** The servers must have stopped. */
  readonly discard: () => Promise<void>;
};

export const places = logKinds.map(({ name, make }) => {
  const database = name === 'the embedded log' ? 'SQLite' : 'PostgreSQL';
  const open = async (): Promise<Place> => {
    const log = await make();
    if (database === 'SQLite') return log;
    const [url, prefix] = [await postgresUrl(), newPrefix()];
    return {
      env: { ...log.env, HOOKLEDGER_DATABASE_URL: url, HOOKLEDGER_DATABASE_PREFIX: prefix },
      discard: async () => {
        await log.discard();
        await dropSchemasOfGuest(url, prefix);
      },
    };
  };
  return { name, database, open };
});

/** Stops the server, verifies its log, and compares its views with a rebuild. @returns the checks by name */
export const checkLogAndViews = async (server: Server, { env }: Place): Promise<Record<string, { checked: number; first?: unknown }>> => {
  await server.stop();
  const run = (...args: string[]) => runToEnd([...args, '--json'], { ...env, HOOKLEDGER_DATA_DIR: server.dataDir });
  const { code, output } = await run('verify');
  const { checks, ok } = JSON.parse(output) as { checks: Record<string, { checked: number; first?: unknown }>; ok: boolean };
  expect(Object.values(checks).flatMap(({ first }) => first ?? [])).toEqual([]);
  expect({ code, ok }).toEqual({ code: 0, ok: true });
  const rebuilt = await run('rebuild', '--consumer', 'views');
  expect(rebuilt.code).toBe(0);
  expect(JSON.parse(rebuilt.output)).toMatchObject([{ replaced: true, comparison: { different: [] } }]);
  return checks;
};
