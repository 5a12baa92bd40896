// SQLite's error codes, and which of them mean damage, a file in use, or a passing failure.
const codes = { busy: 5, locked: 6, noMemory: 7, ioError: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 };
const transient = new Set([codes.busy, codes.locked, codes.noMemory, codes.ioError, codes.full, codes.cantOpen]);
const damaged = new Set([codes.corrupt, codes.notADatabase]);
/** For a file that another process has open, or is just removing. */
const inUse = new Set([codes.busy, codes.cantOpen, codes.ioError]);

/** SQLite's primary result code; 0 if the error isn't SQLite's. */
const codeOf = (error: unknown): number =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0;

export const isTransient = (error: unknown): boolean => transient.has(codeOf(error));
/** By SQLite's sentence, too: an error of another thread loses its code. */
export const isDamage = (error: unknown): boolean =>
  damaged.has(codeOf(error)) || (error instanceof Error && /database disk image is malformed|file is not a database/.test(error.message));
export const isInUse = (error: unknown): boolean => inUse.has(codeOf(error));
export const isBusy = (error: unknown): boolean => codeOf(error) === codes.busy;
