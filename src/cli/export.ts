// `hookledger export`: writes the log into a file that anyone can verify anywhere.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ExportUnusable } from '../proof/export/export-reader.ts';
import { decryptSealingKey } from '../proof/sealing/sealing-key.ts';
import { readSealingKey } from '../proof/sealing/stored-seals.ts';
import { writeExport } from '../proof/export/write-export.ts';
import type { Config } from '../config.ts';
import { LogUnavailable, LogUnusable } from '../event-store/event-store.ts';
import { openStoredLogReader } from '../event-store/open-log.ts';
import type { StoredLogReader } from '../event-store/stored-log.ts';
import { MasterKeyUnusable, existingMasterKeyIn } from '../secrets/master-key.ts';
import { SecretUnreadable, Vault } from '../secrets/vault.ts';
import { configFromEnvironment } from './command-config.ts';
import { exitCodes, runCommand, abortOnSignal, printError, printResult, commandLogger } from './run-command.ts';
import { parsePosition } from './option-values.ts';
import { formatCount, progressBar } from './progress-bar.ts';

type ExportCommand = { readonly dataDir?: string; readonly since?: string; readonly json?: true };

export const addExport = (program: Command): void => {
  program
    .command('export')
    .description('Writes the log and its seals into a file: NDJSON, compressed with gzip. A server may use the log meanwhile.')
    .argument('<file>', 'the file to write; it must not exist yet')
    .option('--data-dir <folder>', 'the data folder; default: HOOKLEDGER_DATA_DIR')
    .option('--since <position>', 'only the events after the last one that was sealed up to this position')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  hookledger export log.ndjson.gz
  hookledger export --since 0000000000120000 --json later.ndjson.gz
  gunzip -c log.ndjson.gz | head -3`,
    )
    .action((file: string, options: ExportCommand) =>
      exportLog(file, options, configFromEnvironment({ HOOKLEDGER_DATA_DIR: options.dataDir })),
    );
};

/** `key` is undefined if there is no master key, or no key in the log. @throws SecretUnreadable if the master key is of another installation */
const readSigningKey = async (log: StoredLogReader, { masterKey, previousMasterKey, dataDir }: Config) => {
  const found = await readSealingKey(log);
  const master = masterKey ?? (existsSync(join(dataDir, 'master.key')) ? existingMasterKeyIn(dataDir) : undefined);
  if (!found || !master) return { publicKey: found?.publicKey, key: undefined };
  const privateKey = decryptSealingKey(found, new Vault(master, previousMasterKey));
  return { publicKey: found.publicKey, key: { publicKey: found.publicKey, privateKey } };
};

const exportLog = (file: string, { since, json }: ExportCommand, config: Config): Promise<void> =>
  runCommand([ExportUnusable, LogUnusable, LogUnavailable, MasterKeyUnusable, SecretUnreadable], async () => {
    const bar = progressBar(['exporting']);
    const log = await openStoredLogReader(config.log, commandLogger);
    try {
      const { publicKey, key } = await readSigningKey(log, config);
      const exported = await writeExport(log, {
        file,
        since: await parsePosition(since, log),
        key,
        publicKey,
        progress: bar.show,
        signal: abortOnSignal(),
      });
      bar.stop();
      if (!exported) {
        printError(`Interrupted. ${file} was not written.`);
        return exitCodes.interrupted;
      }
      const { events, unsealed, after, until } = exported;
      const lines = [
        `Exported ${formatCount(events)} events to ${file}${after === undefined ? '' : `, those after position ${after}`}${until === undefined ? '' : `, up to position ${until}`}.`,
        ...(publicKey === undefined ? [] : [`Verify it anywhere: hookledger verify --file ${file} --key ${publicKey}`]),
        ...(unsealed === 0
          ? []
          : [
              `${formatCount(unsealed)} of them are not sealed, because the ${publicKey === undefined ? 'log has no key yet: start the server once' : 'master key is not available'}.`,
            ]),
      ];
      printResult(json, { file, events, after: after ?? null, until: until ?? null, unsealed, publicKey: publicKey ?? null }, lines);
      return 0;
    } finally {
      bar.stop();
      await log.close();
    }
  });
