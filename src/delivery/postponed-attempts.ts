// The attempts that were not made for reasons of this machine: counts them, and says in the log when that begins and when it is over.
import type { BaseLogger } from 'pino';
import type { LocalFailure } from './local-failure.ts';

/** Without another one for so long, a reason is over. */
const overAfterMs = 30_000;

export class PostponedAttempts {
  private readonly current = new Map<string, NodeJS.Timeout>();

  constructor(
    private readonly log: Pick<BaseLogger, 'warn' | 'info'>,
    private readonly count: (reason: string) => void,
    private readonly endsAfterMs = overAfterMs,
  ) {}

  add({ reason, message }: LocalFailure): void {
    this.count(reason);
    const running = this.current.get(reason);
    if (running) return void running.refresh();
    this.log.warn({ reason }, `Attempts are postponed: ${message}`);
    const end = setTimeout(() => {
      this.current.delete(reason);
      this.log.info({ reason }, 'No attempts are postponed for this reason any more.');
    }, this.endsAfterMs);
    this.current.set(reason, end.unref());
  }
}
