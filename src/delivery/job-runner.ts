// The job runner: finds the running jobs of one kind, such as replays, and carries out each until it ends. A job that fails is carried out again.
import { setTimeout as delay } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import { Outage } from '../outage.ts';
import { ViewsIncomplete } from '../read-models/views/first-build.ts';

/** How often it looks for new jobs. */
const lookEveryMs = 500;
/** After a failure. */
const retryMs = 1_000;
/** Steps of jobs that are carried out at one time, of all kinds together: organizations take turns at them. */
export const jobsAtOnce = 4;

type JobKind<Id extends string> = {
  /** As in "The replay". */
  readonly name: string;
  readonly running: () => Promise<readonly Id[]>;
  /** Resolves once the job has ended, or once `isStopping`. It has to continue from what the log has. */
  readonly carryOut: (id: Id) => Promise<void>;
};

export class JobRunner<Id extends string> {
  private readonly jobs = new Map<Id, Promise<void>>();
  private readonly ending = new AbortController();
  private looking: Promise<void> = Promise.resolve();
  private readonly lookingOutage: Outage;
  private readonly runningOutage: Outage;

  constructor(
    private readonly kind: JobKind<Id>,
    log: Pick<BaseLogger, 'info' | 'warn'>,
  ) {
    this.lookingOutage = new Outage(`Running jobs can't be looked for (${kind.name})`, log);
    this.runningOutage = new Outage(`Jobs can't go on (${kind.name})`, log);
  }

  start(): void {
    this.looking = this.look();
  }

  /** Resolves once the jobs have finished what they were at. They continue at the next start. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.looking;
    await Promise.all(this.jobs.values());
  }

  get isStopping(): boolean {
    return this.ending.signal.aborted;
  }

  /** Ends early once `isStopping`. */
  pause(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: this.ending.signal }).catch(() => undefined);
  }

  private async look(): Promise<void> {
    while (!this.isStopping) {
      try {
        for (const id of await this.kind.running()) if (!this.jobs.has(id)) this.jobs.set(id, this.run(id));
        this.lookingOutage.over();
      } catch (error) {
        // Views that are being built are no outage: jobs that run are found once they are complete.
        if (!this.isStopping && !(error instanceof ViewsIncomplete)) this.lookingOutage.failed(error);
      }
      await this.pause(lookEveryMs);
    }
  }

  private async run(id: Id): Promise<void> {
    try {
      await this.kind.carryOut(id);
      this.runningOutage.over();
    } catch (error) {
      if (!this.isStopping) this.runningOutage.failed(error);
      await this.pause(retryMs);
    }
    this.jobs.delete(id);
  }
}
