// This consumer's state, progress and last error. The runner's parts report to it and read it.
import type { BaseLogger } from 'pino';
import { Progress } from '../progress.ts';

/**
 * `elsewhere`: this process stands by; another one runs the consumer, or none does yet.
 * `superseded`: it stopped at an event that a newer version can apply. That version runs beside it, on tables of its own.
 */
export type ConsumerState = 'starting' | 'catching-up' | 'live' | 'elsewhere' | 'superseded' | 'stopped';

export class RunnerStatus {
  state: ConsumerState = 'starting';
  /** Why the consumer stopped, or which problem it is retrying: one sentence. */
  error: string | undefined;
  /** Everything up to its position is applied and committed, here or in another process. */
  readonly progress = new Progress();
  private hasProblem = false;

  constructor(
    private readonly name: string,
    private readonly log: Pick<BaseLogger, 'info' | 'warn' | 'error'>,
  ) {}

  /** For checks after an `await`, where TypeScript still assumes the state from before. */
  hasStopped(): boolean {
    return this.state === 'stopped' || this.state === 'superseded';
  }

  /** Reports a problem that is being retried. Logs only the first one of an outage. */
  reportProblem(sentence: string, error: unknown): void {
    if (!this.hasProblem) this.log.warn({ consumer: this.name, err: error }, `${this.name}: ${sentence}`);
    this.hasProblem = true;
    this.error = sentence;
  }

  /** Reports what a person has to mend, though the consumer goes on. Logs it once, however often it repeats. */
  reportDefect(sentence: string, error: unknown): void {
    if (this.error !== sentence) this.log.warn({ consumer: this.name, err: error }, `${this.name}: ${sentence}`);
    this.error = sentence;
  }

  /** It retries what it can't do now. */
  get isImpeded(): boolean {
    return this.hasProblem;
  }

  /** What was retried works again. Logs the end of the outage. */
  resolveProblem(): void {
    if (this.hasProblem) this.log.info({ consumer: this.name }, `${this.name}: it works again.`);
    this.hasProblem = false;
    this.error = undefined;
  }

  stopWithError(sentence: string, error: unknown): void {
    this.error = sentence;
    this.log.error({ consumer: this.name, err: error }, `${this.name} has stopped: ${sentence}`);
    this.stop();
  }

  /** While another process may go on: `elsewhere`, or stopped for now. */
  standAside(state: 'elsewhere' | 'superseded' | 'stopped', sentence: string): void {
    this.error = sentence;
    if (state === 'elsewhere') this.state = state;
    else this.stop(state);
  }

  stop(state: 'superseded' | 'stopped' = 'stopped'): void {
    this.state = state;
    this.progress.end();
  }
}

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** An error's message, ending with a full stop. */
export const sentenceOf = (error: unknown) => {
  const message = messageOf(error);
  return message.endsWith('.') ? message : `${message}.`;
};
