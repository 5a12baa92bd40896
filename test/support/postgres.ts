// A PostgreSQL server to test with: the one that TEST_DATABASE_URL names, or one of our own (postgres-process.ts).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** `url`: of a database in which schemas may be made. `stop` leaves nothing behind, and nor does the end of this process. */
export type PostgresServer = { readonly url: string; readonly stop: () => Promise<void> };

const file = fileURLToPath(new URL('./postgres-process.ts', import.meta.url));

export const startPostgres = async (): Promise<PostgresServer> => {
  const given = process.env['TEST_DATABASE_URL'];
  if (given !== undefined && given !== '') return { url: given, stop: async () => undefined };
  const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended.then(() => undefined)]);
  if (!line) throw new Error('The PostgreSQL server of the tests could not be started; its own words stand above.');
  const { url } = JSON.parse(String(line[0])) as { url: string };
  return {
    url,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
};
