// `hookledger copy`: moves a log from a data folder to a server, or back, or from one to another.
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
    .description('Copies a log into an empty one, and compares them. Interrupted, the same command goes on where it stopped.')
    .option('--from <log>', 'a data folder, or an esdb:// or kurrentdb:// URL; left out: HOOKLEDGER_DATA_DIR')
    .option('--to <log>', 'the same; left out: HOOKLEDGER_EVENTSTORE_URL')
    .option('--from-prefix <prefix>', 'of its streams on the server; left out: HOOKLEDGER_EVENTSTORE_PREFIX')
    .option('--to-prefix <prefix>', 'the same')
    .option('--json', 'tell what was copied as JSON')
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

/** What the options leave out is what the configuration names: from the data folder to the server. */
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
        printError('Interrupted. The same command goes on where it stopped.');
        return exitCodes.interrupted;
      }
      printResult(options.json, { from: from.name, to: to.name, ...result }, [
        `Copied ${formatCount(result.copied)} events; ${formatCount(result.events)} are in both logs now, compared one by one.`,
        'Whoever starts on the copy needs the same master key: HOOKLEDGER_MASTER_KEY, or master.key in the data folder.',
      ]);
      return 0;
    } catch (error) {
      bar.stop();
      if (error instanceof LogUnavailable) printError('It can be gone on with: the same command starts where it stopped.');
      throw error;
    } finally {
      for (const each of opened) await each.close();
    }
  });
