// The gate at the start: publishing needs only the log, so the socket opens before the views and delivery do. Other requests wait here for them, and
// until the views hold what the log held at the start.
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../refusal.ts';

/** What is still built once everything is open. */
type Build = {
  readonly isDone: boolean;
  /** @throws an error that says how far it is, after the longest wait */
  pass(longestWaitMs: number): Promise<void>;
};

export class StartGate {
  private readonly opening = Promise.withResolvers<void>();
  private hasOpened = false;
  private readonly began = performance.now();

  constructor(
    private readonly build: Build | undefined,
    private readonly longestWaitMs = 10_000,
  ) {}

  /** Lets through what waits, and everything after it, once the build is done too. */
  open(): void {
    this.hasOpened = true;
    this.opening.resolve();
  }

  get isOpen(): boolean {
    return this.hasOpened && this.build?.isDone !== false;
  }

  /**
   * Resolves when everything is open and built. A build may take minutes, so requests wait for it at the start only.
   * @throws Refusal UNAVAILABLE, or the error of the build, after the longest wait
   */
  async pass(): Promise<void> {
    if (!this.hasOpened) await this.waitUntilOpen();
    if (this.build?.isDone === false) await this.build.pass(this.longestWaitMs - (performance.now() - this.began));
  }

  private async waitUntilOpen(): Promise<void> {
    const timeout = new AbortController();
    await Promise.race([this.opening.promise, sleep(this.longestWaitMs, undefined, { signal: timeout.signal }).catch(() => undefined)]);
    timeout.abort();
    if (!this.hasOpened)
      throw new Refusal(
        'UNAVAILABLE',
        'Hookledger is still starting; try again in a few seconds. GET /health/ready with an API key says what it waits for.',
        {
          headers: { 'retry-after': '5' },
        },
      );
  }
}
