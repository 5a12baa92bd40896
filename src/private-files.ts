// The data folder is private: the folder 0700, its files 0600. Makes folders that way, and mends what is open to others.
import { chmodSync, mkdirSync, readdirSync, realpathSync, statSync, type Stats } from 'node:fs';
import { dirname, join, parse, resolve } from 'node:path';
import type { BaseLogger } from 'pino';
import { errorCodeOf } from './error-code.ts';

const privateFolder = 0o700;
const privateFile = 0o600;
const openToOthers = 0o077;
const stickyBit = 0o1000;

/** A folder that can't be made or used. The message names it and says what to do. */
export class FolderUnusable extends Error {
  override name = 'FolderUnusable';
}

/**
 * Makes a folder, and those above it that are missing, for their owner only. Step by step, because Node's recursive mkdir never returns where a file
 * system has no folders to make (/proc, for example).
 * @throws FolderUnusable
 */
export const makePrivateFolder = (folder: string): void => {
  try {
    make(resolve(folder));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FolderUnusable(`The folder ${folder} can't be made (${reason}). Name another, where this user may write.`, {
      cause: error,
    });
  }
};

const make = (folder: string): void => {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  if (found) throw new Error('it is a file');
  if (dirname(folder) !== folder) make(dirname(folder));
  try {
    mkdirSync(folder, { mode: privateFolder });
  } catch (error) {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error; // unless another process was first
  }
};

/** Everything that Hookledger keeps in its data folder. Other files there are left alone: the folder may be somebody's home. */
const isOurs = (name: string) => /^(log|lock)\.db(-wal|-shm|-journal)?$|^master\.key$|^views$/.test(name);

/**
 * Closes the data folder and our files in it to other users, where they are open. Says in one line what it changed, and in another what it could
 * not change, as on some volumes; the files are used all the same.
 */
export const mendModes = (dataDir: string, log: Pick<BaseLogger, 'warn'>): void => {
  if (process.platform === 'win32') return; // has no such modes
  const mended: string[] = [];
  const open: string[] = [];
  for (const { path, stats } of entriesOf(dataDir)) {
    if ((stats.mode & openToOthers) === 0) continue;
    const obstacle = closeToOthers(path, stats);
    if (obstacle === undefined) mended.push(`${path} was ${octal(stats)}`);
    else open.push(`${path} is ${octal(stats)} (${obstacle})`);
  }
  if (mended.length > 0)
    log.warn(
      `Other users of this machine could open the data folder. It is private now: ${shortened(mended)}. They may have read its secrets.`,
    );
  if (open.length > 0)
    log.warn(
      `The data folder stays open to other users, because its modes can't be changed: ${shortened(open)}. Restrict who reaches it in another way.`,
    );
};

type Entry = { readonly path: string; readonly stats: Stats };

/** The folder itself, and what is ours in it. */
const entriesOf = (dataDir: string): readonly Entry[] => [
  ...entryOf(dataDir),
  ...namesIn(dataDir)
    .filter(isOurs)
    .flatMap((name) => tree(join(dataDir, name))),
];

/** None if the folder can't be read, which shows when its files are opened. */
const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

const tree = (path: string): readonly Entry[] => {
  const [entry] = entryOf(path);
  if (!entry) return [];
  if (!entry.stats.isDirectory()) return [entry];
  return [
    entry,
    ...readdirSync(path, { withFileTypes: true }).flatMap((each) => (each.isSymbolicLink() ? [] : tree(join(path, each.name)))),
  ];
};

/** None where it was removed meanwhile. */
const entryOf = (path: string): readonly Entry[] => {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats ? [{ path, stats }] : [];
};

/** @returns what prevented it; undefined if it is done */
const closeToOthers = (path: string, stats: Stats): string | undefined => {
  if (stats.isDirectory() && isShared(path, stats)) return 'a folder that others need, too; give Hookledger one of its own';
  try {
    chmodSync(path, stats.isDirectory() ? privateFolder : privateFile);
  } catch (error) {
    return errorCodeOf(error) ?? String(error);
  }
  // Some file systems accept a mode and keep their own.
  return (statSync(path).mode & openToOthers) === 0 ? undefined : 'this file system has no modes';
};

/** Closing such a folder would break other programs: the root, and what everybody may write to, such as /tmp. */
const isShared = (folder: string, { mode }: Stats): boolean => {
  const real = realpathSync(folder);
  return parse(real).root === real || (mode & stickyBit) !== 0;
};

const octal = ({ mode }: Stats) => `0${(mode & 0o777).toString(8)}`;

const shortened = (parts: readonly string[]) =>
  parts.length <= 3 ? parts.join(', ') : `${parts.slice(0, 3).join(', ')} and ${parts.length - 3} more`;
