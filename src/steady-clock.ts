// The steady clock: the wall clock of when this process began, and since then the machine's monotonic clock. Setting the machine's clock does not
// change it, so it measures waits. What people see is the wall clock's.
const origin = Date.now() - performance.now();

/** Milliseconds since 1970, as a whole number. Never goes back. Limit: each process, and each thread, has a steady clock of its own. */
export const steadyNow = (): number => Math.floor(origin + performance.now());
