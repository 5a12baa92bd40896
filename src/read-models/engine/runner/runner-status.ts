// How it stands with a consumer here: its state, how far it has come, and what it is trying to get past. All parts of the runner go by it and
// report to it; `status` tells it.
import type { BaseLogger } from 'pino';
import { Progress } from '../progress.ts';

/** `elsewhere`: another process runs it, or nobody yet; this one stands by. */
export type ConsumerState = 'starting' | 'catching-up' | 'live' | 'elsewhere' | 'stopped';

export class RunnerStatus {
  state: ConsumerState = 'starting';
  /** Why it stopped, or what it is trying to get past; a sentence. */
  error: string | undefined;
  /** Everything up to its position is applied and committed, here or elsewhere. */
  readonly progress = new Progress();

  constructor(
    private readonly name: string,
    private readonly log: Pick<BaseLogger, 'warn' | 'error'>,
  ) {}

  /** As it may be after an `await`: TypeScript believes that a field is what it was before. */
  hasStopped(): boolean {
    return this.state === 'stopped';
  }

  /** What is tried again; told once in the log while it is the same. */
  reportProblem(sentence: string, error: unknown): void {
    if (this.error !== sentence) this.log.warn({ consumer: this.name, err: error }, `${this.name}: ${sentence}`);
    this.error = sentence;
  }

  stopWithError(sentence: string, error: unknown): void {
    this.state = 'stopped';
    this.error = sentence;
    this.log.error({ consumer: this.name, err: error }, `${this.name} has stopped: ${sentence}`);
    this.progress.end();
  }

  stop(): void {
    this.state = 'stopped';
    this.progress.end();
  }
}

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
export const asSentence = (sentence: string) => (sentence.endsWith('.') ? sentence : `${sentence}.`);
