// A disk that fails as told, for a server under test: reads, writes and syncs of chosen files end with an error of the system.
// A small library does it that is preloaded into the server. It is compiled here, so it takes a C compiler.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Fault = {
  readonly call: 'read' | 'write' | 'sync';
  /** Part of the path of the files. */
  readonly file: string;
  readonly code: 'EIO' | 'ENOSPC';
};

export type FaultyDisk = Disposable & {
  /** For the server's environment. */
  readonly env: Record<string, string>;
  /** From now on these fail, and nothing else. */
  readonly fail: (...faults: readonly Fault[]) => void;
};

/** @returns undefined if this machine has no C compiler, or takes no preloaded library */
export const makeFaultyDisk = (): FaultyDisk | undefined => {
  const folder = mkdtempSync(join(tmpdir(), 'faulty-disk-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const [library, control] = [join(folder, 'faulty-disk.so'), join(folder, 'faults')];
  try {
    const source = fileURLToPath(new URL('faulty-disk.c', import.meta.url));
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { stdio: 'ignore' });
  } catch {
    remove();
    return undefined;
  }
  return {
    env: { LD_PRELOAD: library, FAULTY_DISK: control },
    fail: (...faults) => {
      const lines = faults.map(({ call, file, code }) => `${call} ${file} ${constants.errno[code]}\n`);
      if (lines.length === 0) rmSync(control, { force: true });
      else writeFileSync(control, lines.join(''));
    },
    [Symbol.dispose]: remove,
  };
};
