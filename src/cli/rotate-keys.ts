// `hookledger rotate-master-key` and `hookledger rotate-data-key`: write the log, so a server with the embedded log must be stopped. With the log on a
// server, replicas go on meanwhile.
import type { Command } from 'commander';
import type { CommandExecutor } from '../commands/command-executor.ts';
import type { Config } from '../config.ts';
import { organizationId } from '../domain/ids.ts';
import { LogUnavailable, LogUnusable, type EventStore } from '../event-store/event-store.ts';
import { newId } from '../event-store/id-generation.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { existingMasterKeyIn, MasterKeyUnusable } from '../secrets/master-key.ts';
import { SecretUnreadable, Vault } from '../secrets/vault.ts';
import { configFromEnvironment } from './command-config.ts';
import { formatCount } from './progress-bar.ts';
import { commandLogger, exitCodes, printError, printResult, runCommand, UsageError } from './run-command.ts';

type Options = { readonly dataDir?: string; readonly organization?: string; readonly json?: true };

export const addRotateMasterKey = (program: Command): void => {
  program
    .command('rotate-master-key')
    .description('Wraps all keys in the log by HOOKLEDGER_MASTER_KEY. HOOKLEDGER_MASTER_KEY_PREVIOUS opens them until then.')
    .option('--data-dir <folder>', 'the data folder; default: HOOKLEDGER_DATA_DIR')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Replicas with the log on a server go on meanwhile: restart them with both variables first. A server with the embedded log re-wraps by itself at its
start, so this command is for one that is stopped. If interrupted, run it again. docs/operations.md shows every step.

Exit codes: 0 all keys are wrapped by the new master key; 1 some could not be; 2 called wrongly.

Example:
  HOOKLEDGER_MASTER_KEY=NEW HOOKLEDGER_MASTER_KEY_PREVIOUS=OLD hookledger rotate-master-key`,
    )
    .action((options: Options) => rotateMasterKey(options, configFromEnvironment({ HOOKLEDGER_DATA_DIR: options.dataDir })));
};

export const addRotateDataKey = (program: Command): void => {
  program
    .command('rotate-data-key')
    .description(
      'Gives an organization a new data key. New secrets are encrypted under it; the older keys stay, to open what they encrypted.',
    )
    .option('--organization <id>', 'the organization', 'default')
    .option('--data-dir <folder>', 'the data folder; default: HOOKLEDGER_DATA_DIR')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
With the embedded log, stop the server first, or send it the mutation rotateEncryptionKey.

Example:
  hookledger rotate-data-key --organization default`,
    )
    .action((options: Options) => rotateDataKey(options, configFromEnvironment({ HOOKLEDGER_DATA_DIR: options.dataDir })));
};

type OpenedLog = {
  readonly store: EventStore;
  readonly executor: CommandExecutor;
  readonly directory: EndpointDirectory;
  readonly vault: Vault;
};

/** Opens the log for writing; creates none. @throws LogUnusable, SecretUnreadable if the master keys open nothing in it */
const withLog = async <T>(config: Config, work: (log: OpenedLog) => Promise<T>): Promise<T> => {
  const { openLog, openLogReader } = await import('../event-store/open-log.ts');
  const { EndpointDirectory } = await import('../read-models/directory/endpoint-directory.ts');
  const { CommandExecutor } = await import('../commands/command-executor.ts');
  await using opened = new AsyncDisposableStack();
  await (await openLogReader(config.log, { log: commandLogger, watch: false })).close(); // ends here if there is no log
  const { store } = await openLog(config.log, commandLogger);
  opened.defer(() => store.close());
  const vault = new Vault(config.masterKey ?? existingMasterKeyIn(config.dataDir), config.previousMasterKey);
  const directory = new EndpointDirectory(store, vault, commandLogger);
  await directory.start();
  opened.defer(() => directory.stop());
  return await work({ store, executor: new CommandExecutor(store), directory, vault });
};

const expected = [LogUnusable, LogUnavailable, MasterKeyUnusable, SecretUnreadable];

const rotateMasterKey = ({ json }: Options, config: Config): Promise<void> =>
  runCommand(expected, async () => {
    const { rewrapKeys } = await import('../service/rewrap-keys.ts');
    const result = await withLog(config, rewrapKeys);
    const { organizations, rewrapped, sealingKey, failed } = result;
    printResult(json, result, [
      `Re-wrapped the keys of ${formatCount(rewrapped)} of ${formatCount(organizations)} organizations${sealingKey ? ' and the key of the seals' : ''}.`,
      ...(failed.length === 0
        ? ['All keys are wrapped by the current master key: nothing needs HOOKLEDGER_MASTER_KEY_PREVIOUS any more.']
        : []),
    ]);
    for (const [id, reason] of failed) printError(`The organization ${id} keeps its wrapped keys. ${reason}`);
    return failed.length === 0 ? 0 : exitCodes.found;
  });

const rotateDataKey = ({ organization = 'default', json }: Options, config: Config): Promise<void> =>
  runCommand(expected, async () => {
    const { rotateEncryptionKey } = await import('../commands/key-rotation.ts');
    const id = organizationId.parse(organization);
    await withLog(config, async ({ executor, directory, vault }) => {
      if (!directory.organization(id))
        throw new UsageError(`--organization ${organization}: there is no such organization, or its keys can't be opened.`);
      await rotateEncryptionKey(executor, vault, id, { actor: 'system:keys', commandId: newId() });
    });
    printResult(json, { organization: id }, [`New secrets of the organization ${id} are encrypted under a new key.`]);
    return 0;
  });
