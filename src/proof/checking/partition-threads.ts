// Checks a log's partitions in parallel, one thread for each.
import { Worker } from 'node:worker_threads';
import type { BaseLogger } from 'pino';
import type { PartitionResult, PartitionTask } from './check-partition.ts';
import type { FromChecker } from './check-partition.worker.ts';

const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? './check-partition.worker.ts' : './check-partition.worker.js',
  import.meta.url,
);

/** Most of what is allocated for an event is garbage right after it. With enough room for that, it is never copied. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 };

/** @param onProgress called with the progress of the thread that is furthest behind */
export const checkInThreads = async (
  task: Omit<PartitionTask, 'partition'>,
  threads: number,
  logger: Pick<BaseLogger, 'warn'>,
  onProgress: (events: number, share: number) => void,
): Promise<readonly PartitionResult[]> => {
  const progress = Array.from({ length: threads }, () => ({ events: 0, share: 0 }));
  const workers: Worker[] = [];
  const check = (index: number): Promise<PartitionResult> =>
    new Promise((resolve, reject) => {
      const workerData: PartitionTask = { ...task, partition: { index, count: threads } };
      const worker = new Worker(workerFile, { workerData, resourceLimits });
      workers.push(worker);
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('A thread that checks the log ended before it was done.')));
      worker.on('message', (message: FromChecker) => {
        if (message.kind === 'done') resolve(message.result);
        else if (message.kind === 'warning') logger.warn(message.sentence);
        else {
          progress[index] = { events: message.events, share: message.share };
          const slowest = progress.reduce((a, b) => (b.share < a.share ? b : a));
          onProgress(slowest.events, slowest.share);
        }
      });
    });
  try {
    return await Promise.all(progress.map((_, index) => check(index)));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
};
