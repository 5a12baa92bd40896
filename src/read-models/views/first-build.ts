// The first build: whether the tables that queries read hold all that the log held when this process began. Tables of a new version, and damaged ones,
// are built from the log, and until then they would answer with lists that only look complete.
// Guarantee: no query is answered from half-built tables. Limit: tables that end at an event which only a newer version can apply are read as they are.
import type { Position } from '../../domain/ids.ts';
import { shareOf } from '../engine/build-tables.ts';
import type { ConsumerStatus } from '../engine/consumer-runner.ts';

/** Thrown instead of an answer from half-built tables. The message says how far they are. The API maps it to 503. */
export class ViewsIncomplete extends Error {
  override name = 'ViewsIncomplete';
  readonly retryAfterSeconds = 5;
}

/** The runner of the views. */
type BuiltViews = {
  /** Queries read the complete tables of an older version meanwhile. */
  readonly readsOlderVersion: boolean;
  status(): ConsumerStatus;
  reached(position: Position, timeoutMs: number): Promise<boolean>;
};

export class FirstBuild {
  private hasBegun = false;
  private wasReached = false;
  private tip: Position | undefined;

  constructor(private readonly views: BuiltViews) {}

  /** @param tip the end of the log before the views are opened */
  begin(tip: Position | undefined): void {
    this.tip = tip;
    this.hasBegun = true;
  }

  /** Once the views hold what the log held at the start, it stays true. */
  get isDone(): boolean {
    if (this.wasReached) return true;
    if (!this.hasBegun) return false;
    const { state, position = '' } = this.views.status();
    this.wasReached = this.tip === undefined || position >= this.tip || state === 'superseded';
    return this.wasReached || this.views.readsOlderVersion;
  }

  /** How far it is, as a sentence. Undefined once it is done. */
  get progress(): string | undefined {
    if (this.isDone) return undefined;
    const { position, error } = this.views.status();
    const share = position === undefined || this.tip === undefined ? 0 : shareOf(position, this.tip);
    const progress = `The views are being built from the log: ${Math.floor(share * 100)} % of it is applied.`;
    return error === undefined ? progress : `${progress} ${error}`;
  }

  /** @throws ViewsIncomplete */
  check(): void {
    const { progress } = this;
    if (progress !== undefined) throw new ViewsIncomplete(`${progress} Try again in a few seconds; messages are accepted meanwhile.`);
  }

  /** Waits for it. @throws ViewsIncomplete after the longest wait */
  async pass(longestWaitMs: number): Promise<void> {
    if (!this.isDone && this.tip !== undefined && longestWaitMs > 0) await this.views.reached(this.tip, longestWaitMs);
    this.check();
  }
}
