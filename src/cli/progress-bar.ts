// Shows a command's progress: a bar for each step on standard error, if that is a terminal.
import { Presets, SingleBar } from 'cli-progress';
import type { Progress } from '../proof/progress.ts';

export type ProgressBar = { readonly show: (progress: Progress) => void; readonly stop: () => void };

const length = 1_000;
const format = '{step} {bar} {percentage} %  {count} events  {rate}/s  {eta_formatted} left';

/** @param steps names of all steps, to align the bars */
export const progressBar = (steps: readonly string[]): ProgressBar => {
  const width = Math.max(...steps.map((step) => step.length));
  const bar = new SingleBar({ format, hideCursor: true, etaBuffer: 50 }, Presets.shades_classic);
  let shown: string | undefined;
  let since = 0;
  const stop = () => {
    if (shown !== undefined) bar.stop();
    shown = undefined;
  };
  return {
    show: ({ step, events, share }) => {
      if (step !== shown) {
        stop();
        since = performance.now();
      }
      const seconds = (performance.now() - since) / 1000;
      const values = {
        step: step.padEnd(width),
        count: formatCount(events),
        rate: formatCount(seconds > 0 ? Math.round(events / seconds) : 0),
      };
      if (step !== shown) bar.start(length, 0, values);
      shown = step;
      bar.update(Math.round(share * length), values);
    },
    stop,
  };
};

/** Writes 1234567 as 1,234,567. */
export const formatCount = (events: number): string => events.toLocaleString('en');
