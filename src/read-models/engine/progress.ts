// How far a consumer has come, and waiting for it to reach a position. This is how a client reads its own writes.
import type { Position } from '../../domain/ids.ts';

type Waiter = { readonly position: Position; readonly settle: (reached: boolean) => void };

export class Progress {
  private current: Position | undefined;
  private readonly waiters = new Set<Waiter>();

  get position(): Position | undefined {
    return this.current;
  }

  /** Whether a caller is waiting for a position not reached yet. */
  get isAwaited(): boolean {
    return this.waiters.size > 0;
  }

  advance(position: Position): void {
    this.current = position;
    for (const waiter of this.waiters) if (waiter.position <= position) waiter.settle(true);
  }

  /** There will be no more progress: `reached` answers false to everyone who waits. */
  end(): void {
    for (const waiter of this.waiters) waiter.settle(false);
  }

  /** @returns whether `position` was reached within `timeoutMs` */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    if (this.current !== undefined && this.current >= position) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (reached: boolean) => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        resolve(reached);
      };
      const waiter: Waiter = { position, settle };
      const timer = setTimeout(() => settle(false), timeoutMs);
      this.waiters.add(waiter);
    });
  }
}
