// Step 1 of the start: the log, the database that follows it, and the directory of who is in it.
import type { Logger } from 'pino';
import { AppendWatch } from '../commands/append-watch.ts';
import { CommandExecutor } from '../commands/command-executor.ts';
import type { Config } from '../config.ts';
import { lostTails } from '../domain/sealing.ts';
import { lostTailStream } from '../domain/streams.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { openLog as openEventStore, type OpenedLog } from '../event-store/open-log.ts';
import { newId } from '../event-store/id-generation.ts';
import { logFingerprint } from '../event-store/log-fingerprint.ts';
import type { AcceptLostTail, LostTail } from '../event-store/lost-tail.ts';
import type { UnindexedConfiguration } from '../event-store/unindexed-configuration.ts';
import { lockFolder } from '../event-store/sqlite/log-file.ts';
import { ConfigurationChunks } from '../read-models/directory/configuration-chunks.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { TabledConfiguration } from '../read-models/directory/tabled-configuration.ts';
import type { Database } from '../read-models/engine/database/database.ts';
import { locationForLog, openDatabase, type DatabaseLocation } from '../read-models/engine/database/open.ts';
import { makePrivateFolder, mendModes } from '../private-files.ts';
import { existingMasterKeyIn, masterKeyIn } from '../secrets/master-key.ts';
import { Vault } from '../secrets/vault.ts';

export type LogParts = Pick<OpenedLog, 'store' | 'foreign'> & {
  readonly executor: CommandExecutor;
  readonly appends: AppendWatch;
  readonly directory: EndpointDirectory;
  readonly vault: Vault;
  readonly database: Database;
  readonly databaseLocation: DatabaseLocation;
  /** Other replicas may use the same log and database. */
  readonly isShared: boolean;
  /** Binds the database to the log. An empty log has no origin yet: repeat it once the first event is written. */
  readonly bindDatabase: () => Promise<void>;
};

/** How a start deals with what is missing. */
export type StartOptions = {
  /** The operator goes on without what the log has lost. */
  readonly acceptLostTail?: boolean;
  /** The process can't go on. */
  readonly onFailure?: (failure: ServiceFailure) => void;
};

/** Why the process must end, as a sentence. `isSafe`: it may close everything first. */
export type ServiceFailure = { readonly sentence: string; readonly isSafe: boolean };

/** @throws FolderUnusable, LogUnusable, DatabaseUnusable, MasterKeyUnusable, SecretUnreadable */
export const openLog = async (
  config: Config,
  log: Logger,
  opened: AsyncDisposableStack,
  { acceptLostTail = false, onFailure }: StartOptions = {},
): Promise<LogParts> => {
  makePrivateFolder(config.dataDir);
  mendModes(config.dataDir, log);
  if (config.log.kind !== 'embedded') {
    const lock = lockFolder(config.dataDir); // the embedded log locks the folder itself
    opened.defer(() => lock.close());
  }
  const lost: LostTail[] = [];
  const accept = acceptLostTail ? (tail: LostTail) => void lost.push(tail) : undefined;
  const loss = { acceptLostTail: accept, ...(onFailure && { onFileLost: onFailure }) };
  const { store, id, foreign, unindexed } = await openEventStore(config.log, log, loss);
  opened.defer(() => store.close());
  const databaseLocation = locationForLog(config.database, id);
  const database = openDatabase(databaseLocation, log);
  if (config.log.kind !== 'embedded' && databaseLocation.kind === 'sqlite')
    log.warn(
      'The log is on a server, and what is due in this data folder: run one process on this log, as two would each send everything. With HOOKLEDGER_DATABASE_URL any number may run.',
    );
  await bindTo(database, store, accept, lost.length > 0);
  const bindDatabase = () => bindTo(database, store, accept);
  const vault = new Vault(config.masterKey ?? (await masterKeyFor(store, config.dataDir)), config.previousMasterKey);
  const configuration = unindexed ? await openTabled({ store, unindexed, id, database, vault }, log, opened) : store;
  const directory = new EndpointDirectory(configuration, vault, log);
  await directory.start();
  opened.defer(() => directory.stop());
  const isShared = databaseLocation.kind === 'postgres' && databaseLocation.shared === true;
  const appends = new AppendWatch();
  const executor = new CommandExecutor(store, appends);
  if (lost.length > 0) await recordLostTail(executor, lost, log);
  else if (acceptLostTail) log.info('The log has lost nothing that is known of, so --accept-lost-tail had nothing to do.');
  return { store, foreign, executor, appends, directory, vault, database, databaseLocation, isShared, bindDatabase };
};

/** The log finds the configuration only by looking at every event, so the database has a table of it. */
const openTabled = async (
  {
    store,
    unindexed,
    id,
    database,
    vault,
  }: Pick<LogParts, 'store' | 'database' | 'vault'> & { unindexed: UnindexedConfiguration; id: string },
  log: Logger,
  opened: AsyncDisposableStack,
): Promise<TabledConfiguration> => {
  const chunks = await ConfigurationChunks.open(database, vault.keysFor('table of the configuration'), id, opened);
  const tip = () => store.tip();
  const tabled = new TabledConfiguration(
    { tip, followStoredConfiguration: (...args) => unindexed.followStoredConfiguration(...args) },
    chunks,
    log,
  );
  opened.use(tabled.keepWriting());
  return tabled;
};

/** Only a new log gets a new key: the secrets of any other open with the key that it was begun with. @throws MasterKeyUnusable */
const masterKeyFor = async (store: EventStore, dataDir: string): Promise<Buffer> =>
  (await logFingerprint(store)) === undefined ? masterKeyIn(dataDir) : existingMasterKeyIn(dataDir);

/** Records what the operator accepted, as the furthest that anything knew. */
const recordLostTail = async (executor: CommandExecutor, lost: readonly LostTail[], log: Logger): Promise<void> => {
  const [furthest] = lost.toSorted((a, b) => (a.knownTo < b.knownTo ? 1 : -1));
  if (!furthest) return;
  const { endsAt = null, knownTo } = furthest;
  const command = { type: 'AcceptLostTail', now: new Date(), endsAt, knownTo } as const;
  await executor.execute({ stream: lostTailStream, decider: lostTails, command }, { actor: 'system:operator', commandId: newId() });
  log.warn(
    { endsAt, knownTo },
    `Going on without the events after position ${endsAt ?? 'zero'}: the log had gone on to ${knownTo}. The views and due attempts are rebuilt.`,
  );
};

/** @throws DatabaseUnusable when the database follows another log */
const bindTo = async (database: Database, store: EventStore, acceptLostTail: AcceptLostTail, startOver = false): Promise<void> => {
  for (;;) {
    const origin = await logFingerprint(store);
    try {
      return await database.bindTo({ origin, tip: () => store.tip(), acceptLostTail, startOver });
    } catch (error) {
      // Another replica may have begun the log at this moment.
      if (origin !== undefined || (await logFingerprint(store)) === undefined) throw error;
    }
  }
};
