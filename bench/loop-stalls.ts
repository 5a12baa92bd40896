// Loaded into the server by bench/stalls.ts: measures how long its main thread is busy between two turns of the event loop, in CPU time, so that other
// processes on the machine don't count. On SIGUSR2, writes the longest in milliseconds to the file that STALLS_FILE names, and starts over.
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env['STALLS_FILE'];
if (isMainThread && file !== undefined && process.argv[1]?.endsWith('main.js')) {
  const cpuMs = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let last = cpuMs();
  let longest = 0;
  const turn = () => {
    const now = cpuMs();
    longest = Math.max(longest, now - last);
    last = now;
  };
  setInterval(turn, 1).unref();
  process.on('SIGUSR2', () => {
    writeFileSync(file, String(longest));
    longest = 0;
    last = cpuMs();
  });
}
