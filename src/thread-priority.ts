// The priority of a thread: work that may take longer leaves the processor to the main thread and to the log's writer where cores are few.
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Lowers that of the calling thread. @param by 19 is the most. Works on Linux only; elsewhere a thread has no priority of its own. */
export const lowerPriority = (by: number): void => {
  try {
    const thread = /(\d+)$/.exec(readlinkSync('/proc/thread-self'))?.[1];
    if (thread !== undefined) setPriority(Number(thread), by);
  } catch {
    // It then competes with other threads, and still works.
  }
};
