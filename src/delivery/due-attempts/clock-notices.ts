// How replicas agree on the shared clock: the leader tells it every second, and a replica that has just started asks for it.
import type { ReplicaNotice } from './replica-notices.ts';
import type { SharedClock } from './shared-clock.ts';

const everyMs = 1_000;

export class ClockNotices {
  /** Runs while this replica leads. */
  private telling: NodeJS.Timeout | undefined;
  private isWanted = false;

  constructor(
    private readonly clock: SharedClock,
    private readonly notify: (notice: ReplicaNotice) => Promise<void>,
    /** Called every second while this replica leads. */
    private readonly everySecond: () => Promise<void>,
    /** Called when this replica's clock was off. */
    private readonly onSet: () => void,
  ) {}

  lead(): void {
    this.clock.lead();
    this.telling ??= setInterval(() => void this.tell().then(() => this.everySecond()), everyMs).unref();
    void this.tell();
  }

  stopLeading(): void {
    clearInterval(this.telling);
    this.telling = undefined;
  }

  /** @returns whether the notice was about the clock */
  receive({ clock, clockWanted }: ReplicaNotice): boolean {
    if (clock !== undefined && !this.telling && this.clock.follow(clock)) this.onSet();
    if (clockWanted && this.telling) void this.tell();
    return clock !== undefined || clockWanted === true;
  }

  /** Resolves once this replica has the clock. It need not wait until the leader tells it without being asked. */
  async ready(): Promise<void> {
    if (!this.isWanted) await this.notify({ clockWanted: true }).catch(() => undefined);
    this.isWanted = true;
    await this.clock.whenSet;
  }

  private tell(): Promise<void> {
    return this.notify({ clock: this.clock.now() }).catch(() => undefined); // again in a second
  }
}
