// What keeps the service small: settings of V8 and of the C library, which both take them only when a process starts. So the service starts itself
// again with them, as the same process, before it does anything else: however it is started, it is started with these; see docs/adr/0027.

// The main thread does its short garbage collections itself, because helper threads would wait for a core. Threads have limits of their own.
const flags = ['--max-semi-space-size=16', '--no-parallel-scavenge'];

/** Of glibc: else nearly every thread has a heap of its own, of which much is free and none is given back. */
const environment = { MALLOC_ARENA_MAX: '2' };

/** `serve` is the default command. */
export const isServe = ([, , first = 'serve']: readonly string[]): boolean =>
  first === 'serve' || /^--(read-only|accept-lost-tail)/.test(first);

/** Does not come back where it starts the process again. Where a system can't do so, the service is as good, and larger. */
export const startAgainWithSettings = (): void => {
  const hasSettings = flags.every((flag) => process.execArgv.includes(flag));
  if (hasSettings || process.platform === 'win32' || process.execve === undefined) return;
  const [node = '', ...program] = process.argv;
  process.execve(process.execPath, [node, ...flags, ...process.execArgv, ...program], { ...environment, ...process.env });
};
