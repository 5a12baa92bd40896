// `hookledger serve`: the process around the service: its log, its signals, its exit codes.
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { LogUnavailable, LogUnusable } from '../event-store/event-store.ts';
import { DatabaseUnavailable, DatabaseUnusable } from '../read-models/engine/database/database.ts';
import { createLog } from '../log.ts';
import { MasterKeyUnusable } from '../secrets/master-key.ts';
import { SecretUnreadable } from '../secrets/vault.ts';
import type { RunningService } from '../service/start-service.ts';
import { configFromEnvironment } from './command-config.ts';
import { version } from './version.ts';

export const addServe = (program: Command): void => {
  program
    .command('serve', { isDefault: true })
    .description('Serves the API and delivers (the default).')
    .option('--read-only <folder>', 'shows the views of a past moment from that folder; nothing is taken in or sent')
    .addHelpText('after', help)
    .action(({ readOnly }: { readonly readOnly?: string }) => serve(configFromEnvironment(), readOnly));
};

const help = `
A folder of the past is made by \`hookledger rebuild --as-of TIME --into FOLDER\`. The log that it was made from is read, too, and may be in use by another
server meanwhile; give this one a port of its own.

Examples:
  HOOKLEDGER_PORT=8080 hookledger serve
  HOOKLEDGER_PORT=3001 hookledger serve --read-only ./january`;

/**
 * More of what keeps the service small (see memory-settings.ts): V8 collects garbage a little sooner, which takes some 150 MB less, and optimizes
 * on one thread. V8 looks at these flags whenever it needs them. If they are set before Node has loaded its own modules, in any thread, V8 rejects
 * their compiled code, and each thread takes 50 ms longer.
 */
const flagsOnceLoaded = ['--heap-growing-percent=35', '--concurrent-turbofan-max-threads=1'];

/** The process is gone by then, whatever hangs: what isn't recorded is sent again at the next start. */
const drainMs = 9_000;

/** What is said where it can't listen, by the error's code. */
const cannotListen = ({ host, port }: Config): Readonly<Record<string, string>> => ({
  EADDRINUSE: `The port ${port} of ${host} is in use; stop what listens there, or set HOOKLEDGER_PORT to another.`,
  EACCES: `The port ${port} of ${host} may not be listened on by this user; set HOOKLEDGER_PORT to one above 1023.`,
  EADDRNOTAVAIL: `${host} is no address of this machine; correct HOOKLEDGER_HOST.`,
  ENOTFOUND: `The host ${host} is not known; correct HOOKLEDGER_HOST.`,
  EAI_AGAIN: `The host ${host} could not be resolved; correct HOOKLEDGER_HOST, or give an address.`,
});

/** An error of another thread has kept its name, but not its class. */
const mendable = new Set(
  [LogUnusable, LogUnavailable, DatabaseUnusable, DatabaseUnavailable, MasterKeyUnusable, SecretUnreadable].map(({ name }) => name),
);

/** What a person can mend, as a sentence; undefined for a failure of ours. */
const sentenceOf = (error: unknown, config: Config): string | undefined => {
  if (error instanceof Error && mendable.has(error.name)) return error.message;
  const { code, syscall } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return syscall === 'listen' || syscall === 'getaddrinfo' ? cannotListen(config)[code ?? ''] : undefined;
};

/** Loaded when it is wanted: the framework takes its time, and no other command needs it. */
const start = async (config: Config, readOnly: string | undefined, log: Logger): Promise<RunningService> => {
  if (readOnly !== undefined) return (await import('../service/read-only-service.ts')).startReadOnly(readOnly, config, version, log);
  return (await import('../service/start-service.ts')).startService(config, version, log);
};

const serve = async (config: Config, readOnly: string | undefined): Promise<void> => {
  // What the command line says of the heap of this thread is not for those of the others, which are started with bounds of their own.
  setFlagsFromString('--max-semi-space-size=0');
  const log = createLog(config.logLevel);
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'A promise was rejected and nobody listened.'));
  const fail = (error: unknown): never => {
    const sentence = sentenceOf(error, config);
    if (sentence !== undefined) log.fatal(sentence);
    else log.fatal({ err: error }, 'Hookledger could not start.');
    log.flush();
    process.exit(1);
  };
  const service = await start(config, readOnly, log).catch(fail);
  if (service.newAdminKey) process.stdout.write(`Admin API key, shown this once: ${service.newAdminKey}\n`);
  // Whoever starts it waits for this line, whatever the level of the others.
  log
    .child({}, { level: 'info' })
    .info(`Hookledger ${version} is listening on ${service.url}${service.shows ? `, and shows ${service.shows}` : ''}`);
  flushCompileCache(); // now, because the next start may follow a crash
  for (const flag of flagsOnceLoaded) setFlagsFromString(flag);

  service.whenOpen.catch(fail);

  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info(`${signal}: draining.`);
    const late = setTimeout(() => process.exit(0), drainMs);
    service
      .stop()
      .catch((error: unknown) => log.error({ err: error }, 'Closing failed; what is recorded is safe.'))
      .finally(() => {
        clearTimeout(late);
        log.info('Stopped.');
        log.flush();
        process.exit(0);
      });
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
};
