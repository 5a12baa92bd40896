// The append watch: how long appends take and how they end, for the metrics, and whether the log can be written now, for readiness.
import { LogUnavailable, WrongExpectedRevision } from '../event-store/event-store.ts';

export type AppendOutcome = 'written' | 'conflict' | 'unavailable' | 'failed';

export class AppendWatch {
  private failure: { readonly error: LogUnavailable; readonly at: number } | undefined;
  /** Called at the end of each append. */
  onEnd: (outcome: AppendOutcome, seconds: number) => void = () => undefined;

  constructor(private readonly now: () => number = () => performance.now()) {}

  async watch<T>(append: Promise<T>): Promise<T> {
    const began = this.now();
    try {
      const appended = await append;
      this.failure = undefined;
      this.onEnd('written', (this.now() - began) / 1_000);
      return appended;
    } catch (error) {
      const isUnavailable = error instanceof LogUnavailable;
      if (isUnavailable) this.failure = { error, at: this.now() };
      const outcome = isUnavailable ? 'unavailable' : error instanceof WrongExpectedRevision ? 'conflict' : 'failed';
      this.onEnd(outcome, (this.now() - began) / 1_000);
      throw error;
    }
  }

  /** Why the last append failed, if none has succeeded since and it ended at most `withinMs` ago: later, the log may be writable again. */
  recentFailure(withinMs: number): LogUnavailable | undefined {
    return this.failure && this.now() - this.failure.at <= withinMs ? this.failure.error : undefined;
  }
}
