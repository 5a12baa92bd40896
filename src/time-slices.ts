// Time slices: long work in this thread gives way, so that requests and commits are served in between. Work that awaits `giveWay` between its parts
// keeps the thread for about one slice at a time, however many operations do so at once.
import { setImmediate } from 'node:timers';

const sliceMs = 12;

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

let sliceStart = 0;
let sliceStartCpu = 0;
let isScheduled = false;
let waiting: (() => void)[] = [];
let resumed = 0;

/** On a busy machine a thread waits for its processor, too: that time is no work, and would leave none for the slice. */
const isSliceOver = (): boolean => performance.now() - sliceStart >= sliceMs && cpuMs() - sliceStartCpu >= sliceMs;

/** Await it between two parts of long work. Undefined while the present slice lasts, so it costs little to call it often. */
export const giveWay = (): Promise<void> | undefined => {
  if (!isSliceOver()) return undefined;
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (!isScheduled) setImmediate(beginSlice);
    isScheduled = true;
  });
};

/** As `map`, giving way between the values. */
export const mapInSlices = async <T, R>(values: readonly T[], map: (value: T) => R): Promise<R[]> => {
  const mapped: R[] = [];
  for (const value of values) {
    const turn = giveWay();
    if (turn) await turn;
    mapped.push(map(value));
  }
  return mapped;
};

const beginSlice = (): void => {
  sliceStart = performance.now();
  sliceStartCpu = cpuMs();
  resumeNext();
};

/** Resumes one after the other, each once the one before has done what it does before it waits again. */
const resumeNext = (): void => {
  const resume = waiting[resumed++];
  if (!resume) {
    waiting = [];
    resumed = 0;
    isScheduled = false;
    return;
  }
  resume();
  // What it goes on with is in microtasks; a tick comes after all of them.
  void Promise.resolve().then(() => process.nextTick(goOn));
};

const goOn = (): void => {
  if (isSliceOver()) setImmediate(beginSlice);
  else resumeNext();
};
