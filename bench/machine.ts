// Reads the machine: a process's memory and CPU time from Linux' /proc (elsewhere they are NaN), and the speed of fdatasync.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const megabytes = (pid: number, field: 'VmHWM' | 'VmRSS'): number => {
  try {
    return (Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1_024) / 1e6;
  } catch {
    return Number.NaN;
  }
};

export const cpuSeconds = (pid: number): number => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
};

/** Printed with the figures, because those of an SQLite log mean nothing if fdatasync is free (tmpfs). */
export const fdatasyncPerSecond = (): number => {
  const folder = mkdtempSync(join(tmpdir(), 'hookledger-bench-'));
  const file = openSync(join(folder, 'probe'), 'w');
  const began = performance.now();
  let count = 0;
  for (; performance.now() - began < 300; count++) {
    writeSync(file, 'x'.repeat(4_096));
    fdatasyncSync(file);
  }
  closeSync(file);
  rmSync(folder, { recursive: true });
  return Math.round(count / ((performance.now() - began) / 1_000));
};

/**
 * Memory once it is stable: five readings within 2 %, a second apart. After 30 s, the last reading.
 * @param seconds the length of a phase: short ones shorten this, too
 */
export const settledMegabytes = async (pid: number, seconds: number): Promise<number> => {
  const readings: number[] = [];
  for (let i = 0; i < Math.min(30, seconds * 3); i++) {
    readings.push(megabytes(pid, 'VmRSS'));
    const last = readings.slice(-5);
    if (last.length === 5 && Math.max(...last) < Math.min(...last) * 1.02) break;
    await sleep(Math.min(1, seconds / 5) * 1_000);
  }
  return readings.at(-1) ?? Number.NaN;
};
