// `hookledger serve`: runs the service in this process, and handles its log, its signals and its exit code.
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Command } from 'commander';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { LogUnavailable, LogUnusable } from '../event-store/event-store.ts';
import { DatabaseUnavailable, DatabaseUnusable } from '../read-models/engine/database/database.ts';
import { createLog } from '../log.ts';
import { FolderUnusable } from '../private-files.ts';
import { AdminKeyReplaced } from '../secrets/admin-key.ts';
import { MasterKeyUnusable } from '../secrets/master-key.ts';
import { SecretUnreadable } from '../secrets/vault.ts';
import type { ServiceFailure } from '../service/open-log.ts';
import type { RunningService } from '../service/start-service.ts';
import { configFromEnvironment } from './command-config.ts';
import { version } from './version.ts';

export const addServe = (program: Command): void => {
  program
    .command('serve', { isDefault: true })
    .description('Runs the server: the API and deliveries. This is the default command.')
    .option('--read-only <folder>', 'serve the views of a past moment from this folder; accept and send nothing')
    .option('--accept-lost-tail', 'go on without events that the log has lost, once: records it, and rebuilds the views from what is left')
    .addHelpText('after', help)
    .action((options: ServeOptions) => serve(configFromEnvironment(), options));
};

type ServeOptions = { readonly readOnly?: string; readonly acceptLostTail?: boolean };

const help = `
\`hookledger rebuild --as-of TIME --into FOLDER\` makes such a folder. Serving it also reads the log that it was made from, which another server may use
meanwhile; give this one another port.

Examples:
  HOOKLEDGER_PORT=8080 hookledger serve
  HOOKLEDGER_PORT=3001 hookledger serve --read-only ./january`;

/**
 * More of what keeps the service small (see memory-settings.ts): V8 collects garbage a little sooner, which takes some 150 MB less, and optimizes
 * on one thread. V8 looks at these flags whenever it needs them. If they are set before Node has loaded its own modules, in any thread, V8 rejects
 * their compiled code, and each thread takes 50 ms longer.
 */
const flagsOnceLoaded = ['--heap-growing-percent=35', '--concurrent-turbofan-max-threads=1', '--expose-gc'];

/**
 * Call it once everything is open, when all threads have loaded their code. V8 derives how far its heap may grow from what the last full collection
 * left, and at the start there was none: without this one, the first comes after some 60 MB of garbage.
 */
const settleMemory = (): void => {
  for (const flag of flagsOnceLoaded) setFlagsFromString(flag);
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
};

/** The process ends after this time at the latest. The next start repeats any attempt that was not recorded. */
const drainMs = 9_000;

/** Why the server can't listen, by the error's code. */
const cannotListen = ({ host, port }: Config): Readonly<Record<string, string>> => ({
  EADDRINUSE: `Port ${port} of ${host} is in use. Stop the process that listens there, or set HOOKLEDGER_PORT to another port.`,
  EACCES: `This user may not listen on port ${port} of ${host}. Set HOOKLEDGER_PORT to a port above 1023.`,
  EADDRNOTAVAIL: `${host} is not an address of this machine. Correct HOOKLEDGER_HOST.`,
  ENOTFOUND: `The host ${host} is unknown. Correct HOOKLEDGER_HOST.`,
  EAI_AGAIN: `The host ${host} could not be resolved. Correct HOOKLEDGER_HOST, or set it to an address.`,
});

/** Errors whose message says what to do. By name, because an error from another thread loses its class. */
const operatorErrors = new Set(
  [
    LogUnusable,
    LogUnavailable,
    DatabaseUnusable,
    DatabaseUnavailable,
    FolderUnusable,
    MasterKeyUnusable,
    AdminKeyReplaced,
    SecretUnreadable,
  ].map(({ name }) => name),
);

/** What the operator can correct, as a sentence. Returns undefined for internal errors. */
const sentenceOf = (error: unknown, config: Config): string | undefined => {
  if (error instanceof Error && operatorErrors.has(error.name)) return error.message;
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return error.syscall === 'listen' || error.syscall === 'getaddrinfo' ? cannotListen(config)[String(error.code)] : undefined;
};

/** Loads the service only now: loading the framework takes long, and no other command needs it. */
const start = async (
  config: Config,
  { readOnly, acceptLostTail = false }: ServeOptions,
  log: Logger,
  onFailure: (failure: ServiceFailure) => void,
): Promise<RunningService> => {
  if (readOnly !== undefined) return (await import('../service/read-only-service.ts')).startReadOnly(readOnly, config, version, log);
  return (await import('../service/start-service.ts')).startService(config, version, log, { acceptLostTail, onFailure });
};

const serve = async (config: Config, options: ServeOptions): Promise<void> => {
  // The command line sets this flag for the main thread. Worker threads set their own limits.
  setFlagsFromString('--max-semi-space-size=0');
  const log = createLog(config.logLevel);
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'A promise was rejected without a handler.'));
  const fail = (error: unknown): never => {
    const sentence = sentenceOf(error, config);
    if (sentence !== undefined) log.fatal(sentence);
    else log.fatal({ err: error }, 'Hookledger could not start.');
    log.flush();
    process.exit(1);
  };
  for (const notice of config.notices) log.info(notice);
  let running: RunningService | undefined;
  const end = ({ sentence, isSafe }: ServiceFailure): void => {
    log.fatal(sentence);
    log.flush();
    if (!running || !isSafe) process.exit(1);
    setTimeout(() => process.exit(1), drainMs);
    void running.stop().finally(() => process.exit(1));
  };
  const service = await start(config, options, log, end).catch(fail);
  running = service;
  if (service.newAdminKey) process.stdout.write(`Admin API key, shown this once: ${service.newAdminKey}\n`);
  // Always logged, because scripts that start the server wait for this line.
  log
    .child({}, { level: 'info' })
    .info(`Hookledger ${version} is listening on ${service.url}${service.shows ? `, and shows ${service.shows}` : ''}`);
  flushCompileCache(); // now, because the next start may follow a crash
  service.whenOpen.then(settleMemory, fail);

  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info(`${signal}: draining.`);
    const late = setTimeout(() => process.exit(0), drainMs);
    service
      .stop()
      .catch((error: unknown) => log.error({ err: error }, 'Closing failed. What is recorded is safe.'))
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
