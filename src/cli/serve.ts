// `hookledger serve`: the process around the service: its log, its signals, its exit codes.
import { LogUnusable } from '../event-store/event-store.ts';
import type { Config } from '../config.ts';
import { createLog } from '../log.ts';
import { MasterKeyUnusable } from '../secrets/master-key.ts';
import { SecretUnreadable } from '../secrets/vault.ts';
import { Service } from '../service.ts';

/** The process is gone by then, whatever hangs: what isn't recorded is sent again at the next start. */
const drainMs = 9_000;

const isSentence = (error: unknown): error is Error =>
  error instanceof LogUnusable ||
  error instanceof MasterKeyUnusable ||
  error instanceof SecretUnreadable ||
  (error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL'));

export const serve = async (config: Config, version: string): Promise<void> => {
  const log = createLog(config.logLevel);
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'A promise was rejected and nobody listened.'));
  let service: Service;
  try {
    service = await Service.start(config, version, log);
  } catch (error) {
    if (isSentence(error)) log.fatal(error.message);
    else log.fatal({ err: error }, 'Hookledger could not start.');
    log.flush();
    process.exit(1);
  }
  if (service.newAdminKey) process.stdout.write(`Admin API key, shown this once: ${service.newAdminKey}\n`);
  // Whoever starts it waits for this line, whatever the level of the others.
  log.child({}, { level: 'info' }).info(`Hookledger ${version} is listening on ${service.url}`);

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
