// The log that an address names: the one place that knows which kinds there are. An address is plain data, so that another thread can open the
// same log for reading.
import type { BaseLogger } from 'pino';
import type { Position } from '../domain/ids.ts';
import type { EventStore } from './event-store.ts';
import { NoForeignEvents, type ForeignEvents } from './foreign-events.ts';
import { EventStoreDbEventStore } from './eventstoredb/eventstoredb-event-store.ts';
import { StoredLogOnServer } from './eventstoredb/stored-log-on-server.ts';
import { existingLogFile } from './sqlite/log-file.ts';
import { LogReader, toSequence } from './sqlite/log-reader.ts';
import { RecentEvents } from './sqlite/recent-events.ts';
import { SqliteEventStore } from './sqlite/sqlite-event-store.ts';
import { StoredLogFile } from './sqlite/stored-log-file.ts';
import type { ReadableLog, StoredLog } from './stored-log.ts';

/** A data folder with the embedded log; or a server, and the prefix of our streams there. */
export type LogAddress =
  | { readonly kind: 'embedded'; readonly directory: string }
  | { readonly kind: 'eventstoredb'; readonly url: string; readonly prefix: string };

/**
 * `id`: what views of this log are kept apart by from those of others; empty for the one in the data folder. `readers`: how other threads read it.
 * `foreign`: what others write where it is.
 */
export type OpenedLog = {
  readonly store: EventStore;
  readonly id: string;
  readonly readers: ReaderAddress;
  readonly foreign: ForeignEvents;
};

type Told = Pick<BaseLogger, 'info' | 'warn'>;

/** @throws LogUnusable */
export const openLog = async (address: LogAddress, log: Told): Promise<OpenedLog> => {
  if (address.kind === 'eventstoredb') {
    const store = await EventStoreDbEventStore.open({ ...address, log });
    return { store, id: store.id, readers: address, foreign: store.foreign };
  }
  const store = await SqliteEventStore.open({ directory: address.directory });
  return { store, id: '', readers: { kind: 'file', file: store.file }, foreign: new NoForeignEvents() };
};

/** Copying waits for a server that is away for so long; then it is to be begun again. */
const longestOutageMs = 5 * 60_000;

/** For copying: as it is stored. `create`: an empty one where there is none. @throws LogUnusable */
export const openStoredLog = async (
  address: LogAddress,
  { log, create }: { readonly log: Told; readonly create: boolean },
): Promise<StoredLog> =>
  address.kind === 'eventstoredb'
    ? StoredLogOnServer.open({ ...address, log, create, timeoutMs: longestOutageMs, patienceMs: longestOutageMs })
    : StoredLogFile.open(address.directory, { create });

/** For checking and exporting, also while a server uses it. @throws LogUnusable */
export const openLogForReading = async (address: LogAddress, log: Told): Promise<ReadableLog> =>
  address.kind === 'eventstoredb' ? openStoredLog(address, { log, create: false }) : StoredLogFile.openReadOnly(address.directory);

export type ReaderAddress = { readonly kind: 'file'; readonly file: string } | Extract<LogAddress, { readonly kind: 'eventstoredb' }>;

export type OpenedReader = {
  readonly reader: Pick<EventStore, 'readStream' | 'follow' | 'tip'>;
  /** Whoever writes the log has come so far. A file is read up to there and no further; a server knows by itself. */
  readonly grown: (tip: Position) => void;
  readonly close: () => Promise<void>;
};

export const openReader = async (address: ReaderAddress, log: Told): Promise<OpenedReader> => {
  if (address.kind === 'eventstoredb') {
    const store = await EventStoreDbEventStore.open({ ...address, log, create: false, appends: false });
    return { reader: store, grown: () => {}, close: () => store.close() };
  }
  return openFile(address.file);
};

const openFile = (file: string) => {
  const recent = new RecentEvents({ tip: 0, maxEvents: 1, maxBytes: 0 }); // nothing is appended here: all is read from the file
  const reader = new LogReader(file, recent);
  reader.open();
  const grown = (tip: Position) => {
    const sequence = toSequence(tip);
    if (sequence <= recent.tip) return;
    recent.restart(sequence);
    reader.wake();
  };
  return { reader, grown, close: async () => reader.close() };
};

const lookMs = 200;

/** The log that an address names, for reading, whoever writes to it meanwhile: what is committed there is seen a moment later. @throws LogUnusable */
export const openLogToRead = async (address: LogAddress, log: Told): Promise<OpenedLogToRead> => {
  if (address.kind === 'eventstoredb') {
    const store = await EventStoreDbEventStore.open({ ...address, log, create: false, appends: false });
    return { reader: store, id: store.id, close: () => store.close() };
  }
  const file = existingLogFile(address.directory);
  const { reader, grown, close } = openFile(file);
  const look = () => {
    const last = reader.lastInFile();
    if (last !== undefined) grown(last);
  };
  look();
  const looking = setInterval(look, lookMs);
  const tip = async () => {
    look();
    return reader.tip();
  };
  return {
    reader: {
      tip,
      follow: (after, options) => reader.follow(after, options),
      readStream: (stream, range) => reader.readStream(stream, range),
    },
    id: '',
    close: async () => {
      clearInterval(looking);
      await close();
    },
  };
};

export type OpenedLogToRead = Pick<OpenedReader, 'reader' | 'close'> & Pick<OpenedLog, 'id'>;
