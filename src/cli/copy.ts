// `hookledger copy`: copies a log between data folders and log servers.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { copyLog } from '../event-store/copy-log.ts';
import { LogUnavailable, LogUnusable } from '../event-store/event-store.ts';
import { InvalidConnectionString, readConnection } from '../event-store/eventstoredb/connection.ts';
import { openStoredLog, type LogAddress } from '../event-store/open-log.ts';
import type { StoredLog } from '../event-store/stored-log.ts';
import { configFromEnvironment } from './command-config.ts';
import { exitCodes, runCommand, abortOnSignal, printError, printResult, commandLogger, UsageError } from './run-command.ts';
import { formatCount, progressBar } from './progress-bar.ts';

export const addCopy = (program: Command): void => {
  program
    .command('copy')
    .description('Copies a log into an empty one, and compares both. If interrupted, run it again to continue.')
    .option('--from <log>', 'a data folder, or an esdb:// or kurrentdb:// URL; default: HOOKLEDGER_DATA_DIR')
    .option('--to <log>', 'likewise; default: HOOKLEDGER_EVENTSTORE_URL')
    .option('--from-prefix <prefix>', 'prefix of its streams on the server; default: HOOKLEDGER_EVENTSTORE_PREFIX')
    .option('--to-prefix <prefix>', 'likewise')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Stop the service first. Events keep their ids, revisions, order and recorded times.

Examples:
  HOOKLEDGER_EVENTSTORE_URL=esdb://user:password@db.example:2113 hookledger copy
  hookledger copy --from esdb://db.example:2113 --from-prefix acme_ --to ./data`,
    )
    .action((options: CopyOptions) => copy(options, configFromEnvironment()));
};

type CopyOptions = {
  readonly from?: string;
  readonly to?: string;
  readonly fromPrefix?: string;
  readonly toPrefix?: string;
  readonly json?: true;
};

const addressOf = (option: string, given: string, prefix: string): LogAddress => {
  if (!/^[a-z+]+:\/\//i.test(given)) return { kind: 'embedded', directory: given };
  try {
    readConnection(given);
    return { kind: 'eventstoredb', url: given, prefix };
  } catch (error) {
    throw error instanceof InvalidConnectionString ? new UsageError(`${option} ${error.message}.`) : error;
  }
};

/** By default, copies from the configured data folder to the configured log server. */
const addresses = ({ from, to, fromPrefix, toPrefix }: CopyOptions, { dataDir, log, eventStorePrefix: prefix }: Config) => {
  const target = to ?? (log.kind === 'eventstoredb' ? log.url : undefined);
  if (target === undefined) throw new UsageError('--to must name the log to copy to: a data folder, or an esdb:// or kurrentdb:// URL.');
  const source = addressOf('--from', from ?? dataDir, fromPrefix ?? prefix);
  const destination = addressOf('--to', target, toPrefix ?? prefix);
  if (source.kind === 'embedded' && destination.kind === 'embedded' && resolve(source.directory) === resolve(destination.directory))
    throw new UsageError('--from and --to name the same data folder.');
  return { source, destination };
};

const copy = (options: CopyOptions, config: Config): Promise<void> =>
  runCommand([LogUnusable, LogUnavailable], async () => {
    const opened: StoredLog[] = [];
    const bar = progressBar(['copying', 'verifying']);
    try {
      const { source, destination } = addresses(options, config);
      const from = await openStoredLog(source, { log: commandLogger, create: false });
      opened.push(from);
      const to = await openStoredLog(destination, { log: commandLogger, create: true });
      opened.push(to);
      printError(`Copying the log from ${from.name} to ${to.name}.`);
      const result = await copyLog(from, to, { progress: bar.show, signal: abortOnSignal() });
      bar.stop();
      if (!result) {
        printError('Interrupted. Run the same command again to continue.');
        return exitCodes.interrupted;
      }
      printResult(options.json, { from: from.name, to: to.name, ...result }, [
        `Copied ${formatCount(result.copied)} events. Both logs now have ${formatCount(result.events)}, compared one by one.`,
        'A server on the copy needs the same master key: HOOKLEDGER_MASTER_KEY, or master.key in the data folder.',
      ]);
      return 0;
    } catch (error) {
      bar.stop();
      if (error instanceof LogUnavailable) printError('Run the same command again to continue.');
      throw error;
    } finally {
      for (const each of opened) await each.close();
    }
  });
