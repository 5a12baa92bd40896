// Time slices: long work in this thread gives way to requests and commits. Work that awaits `giveWay` between its parts
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

/**
 * For long work that is short as a rule and must then lose no time: a slice of its own, which begins with it. `giveWay` would let others go first even if
 * this work has only begun.
 */
export class OwnSlice {
  private began = performance.now();

  /** Await it between two parts. Undefined while the slice lasts. */
  giveWay(): Promise<void> | undefined {
    if (performance.now() - this.began < sliceMs) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.began = performance.now();
        resolve();
      });
    });
  }
}

/** Takes all steps, giving way between them. */
export const takeInSlices = async <T>(steps: Iterator<unknown, T, undefined>): Promise<T> => {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    const turn = giveWay();
    if (turn) await turn;
  }
};

/** As `map`, in a slice of its own that begins now. */
export const mapInOwnSlices = async <T, R>(values: readonly T[], map: (value: T, index: number) => R): Promise<R[]> => {
  const slice = new OwnSlice();
  const mapped: R[] = [];
  for (const [index, value] of values.entries()) {
    const turn = slice.giveWay();
    if (turn) await turn;
    mapped.push(map(value, index));
  }
  return mapped;
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
