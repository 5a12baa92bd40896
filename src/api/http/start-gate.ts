// The gate at the start: publishing needs only the log, so the socket opens before the views and delivery do. Other requests wait here for them.
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../refusal.ts';

export class StartGate {
  private readonly opening = Promise.withResolvers<void>();
  private hasOpened = false;

  constructor(private readonly longestWaitMs = 10_000) {}

  /** Lets through what waits, and everything after it. */
  open(): void {
    this.hasOpened = true;
    this.opening.resolve();
  }

  get isOpen(): boolean {
    return this.hasOpened;
  }

  /** Resolves when everything is open. @throws Refusal UNAVAILABLE after the longest wait */
  async pass(): Promise<void> {
    if (this.hasOpened) return;
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
