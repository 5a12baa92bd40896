// The master key in the data folder: made for a new log, readable by its owner only.
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateFolder } from '../private-files.ts';
import { errorCodeOf } from '../error-code.ts';

export class MasterKeyUnusable extends Error {
  override name = 'MasterKeyUnusable';
}

/** For a log that exists. @returns 32 bytes. @throws MasterKeyUnusable if there is no key, or the file holds something else */
export const existingMasterKeyIn = (dataDir: string): Buffer => {
  const file = fileIn(dataDir);
  if (existsSync(file)) return read(file);
  throw new MasterKeyUnusable(
    `The log has events, but there is no master key in ${file}. Put back the one that the log was begun with, from a backup, or set HOOKLEDGER_MASTER_KEY to it: a new key could not decrypt the log's secrets, so none is made.`,
  );
};

/** Makes the key if there is none. @returns 32 bytes. @throws MasterKeyUnusable if the file can't be made or read, or holds something else */
export const masterKeyIn = (dataDir: string): Buffer => {
  const file = fileIn(dataDir);
  try {
    makePrivateFolder(dataDir);
    if (!existsSync(file)) make(file, dataDir);
  } catch (error) {
    if (errorCodeOf(error) !== 'EEXIST') throw unusable(file, error); // else another process was first
  }
  return read(file);
};

const fileIn = (dataDir: string) => join(dataDir, 'master.key');

/** On the disk before anything is encrypted with it: what is encrypted goes there with fsync, too. */
const make = (file: string, dataDir: string): void => {
  const target = openSync(file, 'wx', 0o600);
  try {
    writeSync(target, `${randomBytes(32).toString('base64')}\n`);
    fsyncSync(target);
  } finally {
    closeSync(target);
  }
  if (process.platform === 'win32') return; // which syncs no folders
  const folder = openSync(dataDir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
};

const read = (file: string): Buffer => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unusable(file, error);
  }
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length === 32) return key;
  throw new MasterKeyUnusable(`${file} does not hold 32 bytes in base64. Restore it from a backup: without it no secret can be decrypted.`);
};

const unusable = (file: string, error: unknown) =>
  new MasterKeyUnusable(`The master key ${file} can't be used: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
