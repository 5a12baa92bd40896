// Follows the configuration in the log for the endpoint directory, and reports how that goes as a consumer does.
// Guarantee: while it does not follow, its state is `stopped`, and `check` throws. Limit: a log server that is away is no failure, as following resumes
// by itself; until then the configuration is that of the moment when the server was last there.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import type { ConfigurationEvent } from '../../domain/catalog.ts';
import { LogUnavailable, type EventStore, type RecordedEvent, type UndecodableEvent } from '../../event-store/event-store.ts';
import type { ConsumerStatus } from '../engine/consumer-runner.ts';
import { Progress } from '../engine/progress.ts';
import { ConfigurationUnavailable } from './configuration-unavailable.ts';

/** The name in readiness and metrics. */
export const directoryName = 'endpoint-directory';

export class ConfigurationFollower {
  readonly progress = new Progress();
  private state: 'starting' | 'catching-up' | 'live' | 'stopped' = 'starting';
  /** Why the log is not followed now. */
  private stoppedBy: { readonly error: Error; readonly isRetried: boolean } | undefined;
  private readonly ending = new AbortController();
  private following: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Pick<EventStore, 'followConfiguration'>,
    private readonly log: Pick<BaseLogger, 'info' | 'warn' | 'error'>,
    /** Must not throw. */
    private readonly apply: (event: RecordedEvent<ConfigurationEvent> | UndecodableEvent) => void,
    /** Called when following has stopped, and when it goes on again. */
    private readonly changed: () => void,
  ) {}

  /** Resolves when everything that the log holds now is applied. Rejects if the log can't be read until then. */
  async start(): Promise<void> {
    this.state = 'catching-up';
    await new Promise<void>((resolve, reject) => {
      this.following = this.follow(resolve, reject);
    });
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.following;
    this.state = 'stopped';
    this.progress.end();
  }

  get failure(): Error | undefined {
    return this.stoppedBy?.error;
  }

  /** @throws ConfigurationUnavailable while the log is not followed */
  check(): void {
    if (!this.stoppedBy) return;
    const { error, isRetried } = this.stoppedBy;
    throw new ConfigurationUnavailable(
      `This replica no longer follows changes of endpoints and keys, so it takes no messages and accepts no keys: ${error.message} ${remedyFor(isRetried)}`,
      error instanceof LogUnavailable ? error.retryAfterSeconds : undefined,
      { cause: error },
    );
  }

  /** @param trouble what can't be used although the log is followed; a sentence */
  status(trouble: string | undefined): ConsumerStatus {
    const error = this.stoppedBy ? `${this.stoppedBy.error.message} ${remedyFor(this.stoppedBy.isRetried)}` : trouble;
    return {
      name: directoryName,
      version: 1,
      state: this.state,
      position: this.progress.position,
      lagEvents: 0,
      lagSeconds: 0,
      ...(error !== undefined && { error }),
      ...(this.stoppedBy?.isRetried && { recovers: true }),
    };
  }

  private async follow(caughtUp: () => void, failed: (error: Error) => void): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      try {
        for await (const batch of this.store.followConfiguration(this.progress.position, { signal })) {
          for (const event of batch) this.apply(event);
          const last = batch.at(-1);
          if (last) this.progress.advance(last.position);
          else this.reachedEnd(caughtUp);
        }
        if (!signal.aborted) throw new Error('The log was closed.');
      } catch (error) {
        if (signal.aborted) return;
        const wasStarting = this.state === 'catching-up';
        const cause = error instanceof Error ? error : new Error(String(error));
        const isRetried = cause instanceof LogUnavailable && !wasStarting;
        this.stoppedAt(cause, isRetried);
        if (wasStarting) failed(cause);
        if (!isRetried) return;
        await sleep(cause.retryAfterSeconds * 1000, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private reachedEnd(caughtUp: () => void): void {
    const wasStopped = this.stoppedBy !== undefined;
    this.stoppedBy = undefined;
    this.state = 'live';
    caughtUp();
    if (!wasStopped) return;
    this.log.info({ consumer: directoryName }, `${directoryName} follows the log again.`);
    this.changed();
  }

  private stoppedAt(error: Error, isRetried: boolean): void {
    const isNew = this.stoppedBy?.error.message !== error.message;
    this.stoppedBy = { error, isRetried };
    this.state = 'stopped';
    if (!isRetried) this.progress.end();
    if (isNew)
      this.log.error(
        { consumer: directoryName, err: error },
        `${directoryName} has stopped: ${error.message} ${remedyFor(isRetried)} Until then, messages and keys are refused with 503.`,
      );
    this.changed();
  }
}

const remedyFor = (isRetried: boolean) => (isRetried ? 'Retrying.' : 'Restart this replica; if that does not help, check its log.');
