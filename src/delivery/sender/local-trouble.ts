// What keeps this process from opening connections: too many open files, no free port, no memory. Then it pauses, longer each time, instead of trying for
// every attempt.
import { closeSync, openSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { Backoff } from '../../backoff.ts';
import { errorCodeOf } from '../../error-code.ts';
import { LocalFailure } from '../local-failure.ts';

const sentences: Readonly<Record<string, string>> = {
  EMFILE: 'this process has as many files and connections open as it may; raise its limit (ulimit -n)',
  ENFILE: 'this machine has as many files open as it may',
  ENOBUFS: 'this machine has no buffers left for connections',
  ENOMEM: 'this machine has no memory left for connections',
  EAGAIN: 'this machine has no free port for another connection to the receiver',
  EADDRNOTAVAIL: 'this machine has no free port for another connection to the receiver',
};

/** The failure if no connection could be opened for a reason of this machine; undefined: it is the receiver's. */
export const localFailureOf = (error: unknown, port: string): LocalFailure | undefined => {
  if (error instanceof LocalFailure) return error;
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  const codes = errors.map((each) => errorCodeOf(each) ?? '');
  const code = codes.find((each) => sentences[each] !== undefined && each !== 'EADDRNOTAVAIL');
  if (code !== undefined) return localFailure(code, error);
  const isWithoutPort = port !== '0' && errors.every((each) => errorCodeOf(each) === 'EADDRNOTAVAIL' && !isOfMissingFamily(each));
  return isWithoutPort ? localFailure('EADDRNOTAVAIL', error) : undefined;
};

/** The failure if this process can open no file now: the look-up of a name then fails with an error that looks like one of DNS. */
export const outOfFiles = (): LocalFailure | undefined => {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return undefined;
  } catch (error) {
    return localFailureOf(error, '');
  }
};

const localFailure = (code: string, cause: unknown) => new LocalFailure(code, `${sentences[code] ?? code}.`, { cause });

/** Without IPv6, every address of it is unavailable. */
const isOfMissingFamily = (error: unknown): boolean =>
  error instanceof Error &&
  'address' in error &&
  String(error.address).includes(':') &&
  !Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === 'IPv6'));

export class LocalTrouble {
  private readonly backoff = new Backoff({ firstMs: 100, longestMs: 5_000 });
  private running: Promise<void> | undefined;

  /** Ends when connections may be opened again; undefined: they may. */
  get pause(): Promise<void> | undefined {
    return this.running;
  }

  /** No connection could be opened. */
  met(): void {
    this.running ??= this.wait();
  }

  /** A connection was opened. */
  over(): void {
    this.backoff.reset();
  }

  private async wait(): Promise<void> {
    await this.backoff.pause();
    this.running = undefined;
  }
}
