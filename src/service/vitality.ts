// Vitality: a part that can't go on by itself ends the process, with a sentence and a non-zero exit code. Its supervisor starts it again: the start
// rebuilds damaged tables, and continues everything from the log. A process that lives on with a dead part would be trusted for ever.
import type { ConsumerStatus } from '../read-models/engine/consumer-runner.ts';
import type { ServiceFailure } from './open-log.ts';

const checkMs = 1_000;
/** Long enough to be seen in /health/ready. */
const stoppedForMs = 10_000;

export type Parts = {
  readonly consumers: () => readonly ConsumerStatus[];
  /** Files of tables that were found damaged while in use. */
  readonly damagedFiles: () => readonly string[];
};

/** @returns how to stop watching */
export const watchVitality = ({ consumers, damagedFiles }: Parts, onFailure: (failure: ServiceFailure) => void): (() => void) => {
  const stoppedSince = new Map<string, number>();
  const damagedBefore = new Set(damagedFiles());
  const findFailure = (): string | undefined => {
    const damaged = damagedFiles().find((file) => !damagedBefore.has(file));
    if (damaged !== undefined) return `${damaged} is damaged. Hookledger ends; the next start rebuilds it from the log.`;
    const now = performance.now();
    for (const { name, state, error = 'It has stopped.', recovers } of consumers()) {
      if (state !== 'stopped' || recovers) stoppedSince.delete(name);
      else if (!stoppedSince.has(name)) stoppedSince.set(name, now);
      else if (now - (stoppedSince.get(name) ?? now) >= stoppedForMs) return `${name} can't go on, so Hookledger ends: ${error}`;
    }
    return undefined;
  };
  const watching = setInterval(() => {
    const sentence = findFailure();
    if (sentence === undefined) return;
    clearInterval(watching);
    onFailure({ sentence, isSafe: true });
  }, checkMs).unref();
  return () => clearInterval(watching);
};
