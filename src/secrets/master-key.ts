// The master key in the data folder: generated at the first start, readable only by its owner.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class MasterKeyUnusable extends Error {
  override name = 'MasterKeyUnusable';
}

/** For services that only read: generates none. @throws MasterKeyUnusable also if there is none */
export const existingMasterKeyIn = (dataDir: string): Buffer => {
  const file = join(dataDir, 'master.key');
  if (existsSync(file)) return masterKeyIn(dataDir);
  throw new MasterKeyUnusable(
    `There is no master key in ${file}; put the one there that the log was written with, or set HOOKLEDGER_MASTER_KEY.`,
  );
};

/** @returns 32 bytes. @throws MasterKeyUnusable when the file can't be read or holds something else. */
export const masterKeyIn = (dataDir: string): Buffer => {
  const file = join(dataDir, 'master.key');
  try {
    mkdirSync(dataDir, { recursive: true });
    // `wx` never overwrites, even if two processes start at once.
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(file, error);
  }
  try {
    chmodSync(file, 0o600);
    const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
    if (key.length === 32) return key;
  } catch (error) {
    throw unusable(file, error);
  }
  throw new MasterKeyUnusable(`${file} does not hold 32 bytes in base64. Restore it from a backup: without it no secret can be decrypted.`);
};

const unusable = (file: string, error: unknown) =>
  new MasterKeyUnusable(`The master key ${file} can't be used: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
