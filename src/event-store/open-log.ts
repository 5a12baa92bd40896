// Opens the log that an address names: the one place that knows every kind of log. An address is plain data, so another thread can open the same
// log. Events are read decoded (`openLog`, `openLogReader`) or in stored form (`openStoredLog`, `openStoredLogReader`).
import type { BaseLogger } from 'pino';
import type { Position } from '../domain/ids.ts';
import type { EventStore } from './event-store.ts';
import { NoForeignEvents, type ForeignEvents } from './foreign-events.ts';
import type { AcceptLostTail } from './lost-tail.ts';
import { EventStoreDbEventStore } from './eventstoredb/eventstoredb-event-store.ts';
import { StoredLogOnServer } from './eventstoredb/stored-log-on-server.ts';
import { toSequence } from './sqlite/event-rows.ts';
import type { LogFileLost } from './sqlite/file-watch.ts';
import { findLogFile } from './sqlite/log-file.ts';
import { LogReader } from './sqlite/log-reader.ts';
import { RecentEvents } from './sqlite/recent-events.ts';
import { SqliteEventStore } from './sqlite/sqlite-event-store.ts';
import { StoredLogFile } from './sqlite/stored-log-file.ts';
import type { StoredLogReader, StoredLog } from './stored-log.ts';
import type { UnindexedConfiguration } from './unindexed-configuration.ts';

/** A data folder with the embedded log, or a server and the prefix of our streams there. */
export type LogAddress =
  | { readonly kind: 'embedded'; readonly directory: string }
  | { readonly kind: 'eventstoredb'; readonly url: string; readonly prefix: string };

type Logger = Pick<BaseLogger, 'info' | 'warn'>;

export type OpenedLog = {
  readonly store: EventStore;
  /** Tells the views of this log from those of other logs; empty for the embedded log. */
  readonly id: string;
  /** What other services write to the same server. */
  readonly foreign: ForeignEvents;
  /** Undefined: the log has an index of its configuration. */
  readonly unindexed: UnindexedConfiguration | undefined;
};

export type LogLoss = {
  /** Undefined: a log that lost its end is refused. */
  readonly acceptLostTail?: AcceptLostTail;
  /** Called when the files of an embedded log were removed, replaced or cut off. */
  readonly onFileLost?: (lost: LogFileLost) => void;
};

/** Opens the log for reading and writing; creates it if needed. @throws LogUnusable */
export const openLog = async (address: LogAddress, log: Logger, loss: LogLoss = {}): Promise<OpenedLog> => {
  if (address.kind === 'eventstoredb') {
    const store = await EventStoreDbEventStore.open({ ...address, log });
    return { store, id: store.id, foreign: store.foreign, unindexed: store };
  }
  const store = await SqliteEventStore.open({ directory: address.directory, ...loss });
  return { store, id: '', foreign: new NoForeignEvents(), unindexed: undefined };
};

export type OpenedLogReader = Pick<OpenedLog, 'id'> & {
  readonly reader: Pick<EventStore, 'readStream' | 'follow' | 'followConfiguration' | 'tip'>;
  /** Lets the reader of an embedded log read up to this position. On a server it does nothing: the server notifies its followers itself. */
  readonly advanceTo: (tip: Position) => void;
  readonly close: () => Promise<void>;
};

/**
 * Opens the log for reading while another thread or process may write to it.
 * `watch`: the reader looks for new events itself and shows them a moment after their commit. Without it, the reader of an embedded log reads
 * nothing beyond the position given to `advanceTo`.
 * @throws LogUnusable
 */
export const openLogReader = async (
  address: LogAddress,
  { log, watch }: { readonly log: Logger; readonly watch: boolean },
): Promise<OpenedLogReader> => {
  if (address.kind === 'eventstoredb') {
    const store = await EventStoreDbEventStore.open({ ...address, log, create: false, appends: false });
    return { reader: store, id: store.id, advanceTo: () => {}, close: () => store.close() };
  }
  const recent = new RecentEvents({ tip: 0, maxEvents: 1, maxBytes: 0 }); // holds no events: everything is read from the file
  const reader = new LogReader(findLogFile(address.directory), recent);
  reader.open();
  const advanceTo = (tip: Position) => {
    const sequence = toSequence(tip);
    if (sequence <= recent.tip) return;
    recent.restart(sequence);
    reader.wake();
  };
  if (!watch) return { reader, id: '', advanceTo, close: async () => reader.close() };

  const look = () => {
    const last = reader.lastCommitted();
    if (last !== undefined) advanceTo(last);
  };
  look();
  const watching = setInterval(look, watchIntervalMs);
  const close = async () => {
    clearInterval(watching);
    reader.close();
  };
  return { reader: readerThatLooksFirst(reader, look), id: '', advanceTo, close };
};

const watchIntervalMs = 200;

const readerThatLooksFirst = (reader: LogReader, look: () => void): OpenedLogReader['reader'] => ({
  async tip() {
    look();
    return reader.tip();
  },
  follow: (after, options) => reader.follow(after, options),
  followConfiguration: (after, options) => reader.followConfiguration(after, options),
  readStream: (stream, range) => reader.readStream(stream, range),
});

/** How long copying waits for an unavailable server before it gives up. */
const longestOutageMs = 5 * 60_000;

/** Opens the log in stored form, for copying; nobody else may use an embedded log meanwhile. `create`: creates an empty log if there is none. @throws LogUnusable */
export const openStoredLog = async (
  address: LogAddress,
  { log, create }: { readonly log: Logger; readonly create: boolean },
): Promise<StoredLog> =>
  address.kind === 'eventstoredb'
    ? StoredLogOnServer.open({ ...address, log, create, timeoutMs: longestOutageMs, patienceMs: longestOutageMs })
    : StoredLogFile.open(address.directory, { create });

/** Opens the log in stored form, for checking and exporting, also while a server uses it. @throws LogUnusable */
export const openStoredLogReader = async (address: LogAddress, log: Logger): Promise<StoredLogReader> =>
  address.kind === 'eventstoredb' ? openStoredLog(address, { log, create: false }) : StoredLogFile.openReadOnly(address.directory);
