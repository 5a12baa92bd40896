// `hookledger export`: the log as a file that can be checked anywhere.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ExportUnusable } from '../proof/export/export-reader.ts';
import { readSealingKey } from '../proof/sealing/stored-seals.ts';
import { writeExport } from '../proof/export/write-export.ts';
import type { Config } from '../config.ts';
import { LogUnavailable, LogUnusable } from '../event-store/event-store.ts';
import { openStoredLogReader } from '../event-store/open-log.ts';
import type { StoredLogReader } from '../event-store/stored-log.ts';
import { MasterKeyUnusable, masterKeyIn } from '../secrets/master-key.ts';
import { privateKeyOf } from '../secrets/signing-keys.ts';
import { SecretUnreadable, Vault } from '../secrets/vault.ts';
import { configFromEnvironment } from './command-config.ts';
import { exitCodes, runCommand, abortOnSignal, printError, printResult, commandLogger } from './run-command.ts';
import { parsePosition } from './position-option.ts';
import { formatCount, progressBar } from './progress-bar.ts';

type ExportCommand = { readonly dataDir?: string; readonly since?: string; readonly json?: true };

export const addExport = (program: Command): void => {
  program
    .command('export')
    .description('Writes the log into a file, with its seals, also while a server uses it: NDJSON, compressed with gzip.')
    .argument('<file>', 'where to; it must not exist yet')
    .option('--data-dir <folder>', 'the data folder; left out: HOOKLEDGER_DATA_DIR')
    .option('--since <position>', 'only the events after the last one that was sealed up to there')
    .option('--json', 'tell what was written as JSON')
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

/** Undefined: there is no master key here, or no key in the log. @throws SecretUnreadable when it is another installation's master key */
const signingKeyIn = async (log: StoredLogReader, { masterKey, dataDir }: Config) => {
  const found = await readSealingKey(log);
  const master = masterKey ?? (existsSync(join(dataDir, 'master.key')) ? masterKeyIn(dataDir) : undefined);
  if (!found || !master) return { publicKey: found?.publicKey, key: undefined };
  const privateKey = privateKeyOf(new Vault(master).keyring(found.encryptionKey).open(found.privateKey));
  return { publicKey: found.publicKey, key: { publicKey: found.publicKey, privateKey } };
};

const exportLog = (file: string, { since, json }: ExportCommand, config: Config): Promise<void> =>
  runCommand([ExportUnusable, LogUnusable, LogUnavailable, MasterKeyUnusable, SecretUnreadable], async () => {
    const bar = progressBar(['exporting']);
    const log = await openStoredLogReader(config.log, commandLogger);
    try {
      const { publicKey, key } = await signingKeyIn(log, config);
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
        printError(`Interrupted. Nothing was left in ${file}.`);
        return exitCodes.interrupted;
      }
      const { events, unsealed, after, until } = exported;
      const lines = [
        `Exported ${formatCount(events)} events to ${file}${after === undefined ? '' : `, those after position ${after}`}${until === undefined ? '' : `, up to position ${until}`}.`,
        ...(publicKey === undefined ? [] : [`Check it anywhere: hookledger verify --file ${file} --key ${publicKey}`]),
        ...(unsealed === 0
          ? []
          : [
              `${formatCount(unsealed)} of them are not sealed, as the ${publicKey === undefined ? 'log has no key yet: start the server once' : 'master key is not at hand'}.`,
            ]),
      ];
      printResult(json, { file, events, after: after ?? null, until: until ?? null, unsealed, publicKey: publicKey ?? null }, lines);
      return 0;
    } finally {
      bar.stop();
      await log.close();
    }
  });
