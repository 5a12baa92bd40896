// `hookledger import`: starts a new log from an export.
import type { Command } from 'commander';
import { ExportUnusable } from '../proof/export/export-reader.ts';
import { ExportedLog } from '../proof/export/exported-log.ts';
import type { Config } from '../config.ts';
import { copyLog } from '../event-store/copy-log.ts';
import { LogUnavailable, LogUnusable } from '../event-store/event-store.ts';
import { openStoredLog } from '../event-store/open-log.ts';
import { configFromEnvironment } from './command-config.ts';
import { exitCodes, runCommand, abortOnSignal, printError, printResult, commandLogger } from './run-command.ts';
import { formatCount, progressBar } from './progress-bar.ts';

type ImportCommand = { readonly dataDir?: string; readonly json?: true };

export const addImport = (program: Command): void => {
  program
    .command('import')
    .description('Starts a new log from an export, and compares both. If interrupted, run it again to continue.')
    .argument('<file>', 'a file that `hookledger export` wrote')
    .option('--data-dir <folder>', 'the new data folder; default: HOOKLEDGER_DATA_DIR')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
The events keep their ids, revisions, order and times. Verify the file first: hookledger verify --file FILE --key KEY

Examples:
  hookledger import --data-dir ./restored log.ndjson.gz
  HOOKLEDGER_EVENTSTORE_URL=esdb://db.example:2113 hookledger import log.ndjson.gz`,
    )
    .action((file: string, options: ImportCommand) =>
      importLog(file, options, configFromEnvironment({ HOOKLEDGER_DATA_DIR: options.dataDir })),
    );
};

const importLog = (file: string, { json }: ImportCommand, config: Config): Promise<void> =>
  runCommand([ExportUnusable, LogUnusable, LogUnavailable], async () => {
    const bar = progressBar(['copying', 'verifying']);
    const from = await ExportedLog.open(file);
    const to = await openStoredLog(config.log, { log: commandLogger, create: true });
    try {
      const result = await copyLog(from, to, { progress: bar.show, signal: abortOnSignal() });
      bar.stop();
      if (!result) {
        printError('Interrupted. Run the same command again to continue.');
        return exitCodes.interrupted;
      }
      printResult(json, { file, log: to.name, ...result }, [
        `Imported ${formatCount(result.copied)} events into ${to.name}. It now has ${formatCount(result.events)}, compared with ${file} one by one.`,
        'A server on the new log needs the master key of the exported one: HOOKLEDGER_MASTER_KEY, or master.key in the data folder.',
      ]);
      return 0;
    } finally {
      bar.stop();
      await to.close();
    }
  });
