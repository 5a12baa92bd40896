// How far a command is: a bar on standard error for each of its steps, where that is a terminal; elsewhere nothing.
import { Presets, SingleBar } from 'cli-progress';
import type { Progress } from '../proof/progress.ts';

export type ProgressBar = { readonly show: (progress: Progress) => void; readonly stop: () => void };

const length = 1_000;
const format = '{step} {bar} {percentage} %  {count} events  {rate}/s  {eta_formatted} left';

/** `steps`: their names, so that the bars stand below one another. */
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
      const told = {
        step: step.padEnd(width),
        count: formatCount(events),
        rate: formatCount(seconds > 0 ? Math.round(events / seconds) : 0),
      };
      if (step !== shown) bar.start(length, 0, told);
      shown = step;
      bar.update(Math.round(share * length), told);
    },
    stop,
  };
};

/** As people write it: 1,234,567. */
export const formatCount = (events: number): string => events.toLocaleString('en');
