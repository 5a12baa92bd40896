// Takes turns with the other processes that have the same tables open: one of them runs the consumer, for a term, and the others stand by.
// Guarantee: whoever's term it is writes until its connection is lost, the checkpoint is not where it left it, or the process ends; another one takes
// over then, from the checkpoint. Limit: `received` and `committed` are told at most once per term.
import type { BaseLogger } from 'pino';
import type { Position } from '../../../domain/ids.ts';
import type { Consumer, EventHeader } from '../consumer.ts';
import type { Bookkeeping, Namespace, Sharing } from '../database/database.ts';
import type { LogFollower } from './log-follower.ts';
import type { SharedBuildSwitch } from './shared-build-switch.ts';
import { ended, sentenceOf, type RunnerStatus } from './runner-status.ts';
import type { ConsumerTables } from './consumer-tables.ts';
import { Bell, pause } from './bell.ts';

/** Whoever asks at another process waits no longer than this. */
const awaitedElsewhereMs = 5_000;

export class Leadership<S extends Bookkeeping, Retained extends EventHeader> {
  /** The term has ended for a newer build. */
  private movesOn = false;
  private readonly stirred = new Bell();

  constructor(
    private readonly consumer: Consumer<S, Retained>,
    private readonly tables: ConsumerTables<S>,
    private readonly standing: RunnerStatus,
    private readonly follower: LogFollower<S, Retained>,
    private readonly changeOver: SharedBuildSwitch<S, Retained>,
    /** The process ends. */
    private readonly ending: AbortSignal,
    private readonly log: Pick<BaseLogger, 'info'>,
    private readonly standbyMs: number,
  ) {}

  listenTo(namespace: Namespace<S>): void {
    const isOwn = () => namespace === this.tables.namespace; // others may have taken its place
    namespace.sharing?.listen({
      lost: () => isOwn() && this.follower.endTerm(),
      moved: (position) => isOwn() && this.movedElsewhere(position),
      awaited: (position) => isOwn() && this.standing.state !== 'elsewhere' && void this.follower.reached(position, awaitedElsewhereMs),
      replaced: () => (this.stirred.ring(), void this.moveOn()),
    });
  }

  /** @returns whether it is this process's turn */
  async acquire(): Promise<boolean> {
    if (!this.standing.hasStopped()) this.standing.state = 'elsewhere';
    try {
      const mine = await this.sharing.acquire();
      this.standing.error = undefined;
      return mine;
    } catch (error) {
      this.standing.trouble(`The database can't be written: ${ended(sentenceOf(error))} It is tried again.`, error);
      return false;
    }
  }

  /** Until the process ends, or the consumer has stopped. */
  async take(acquired: boolean): Promise<void> {
    for (let mine = acquired; ;) {
      mine = await this.goOnWithNewest(mine);
      if (mine) {
        await this.serve();
        if (!this.movesOn) await this.sharing.release();
      } else await Promise.race([pause(this.standbyMs * (0.75 + Math.random() / 2), this.ending), this.stirred.next]);
      if (this.ending.aborted || this.standing.hasStopped()) return;
      mine = await this.acquire();
    }
  }

  /** Ends the term where there is a newer build: the next one begins on that. */
  async moveOn(): Promise<void> {
    const { namespace } = this.tables;
    if (this.standing.state === 'elsewhere' || !(await this.changeOver.isDue())) return;
    if (this.follower.stopping || namespace !== this.tables.namespace) return;
    this.movesOn = true;
    this.follower.endTerm();
  }

  private get sharing(): Sharing<S> {
    const { sharing } = this.tables.namespace;
    if (!sharing) throw new Error(`The tables of ${this.consumer.name} are this process's alone.`);
    return sharing;
  }

  private movedElsewhere(position: Position): void {
    if (this.standing.state !== 'elsewhere') return;
    this.standing.progress.advance(position);
    if (this.follower.isAtTip(position)) this.tables.closeOlder();
    this.consumer.committedElsewhere?.(position);
  }

  /**
   * Between two terms.
   * @param mine whether this process may write to what it has
   * @returns whether it may write to what it goes on with
   */
  private async goOnWithNewest(mine: boolean): Promise<boolean> {
    if (!(await this.changeOver.isDue())) return mine;
    const wentOver = await this.changeOver.carryOut(mine);
    if (!wentOver) return mine && this.acquire(); // unless it was lost meanwhile
    this.listenTo(wentOver.anew);
    if (wentOver.heard !== undefined) this.movedElsewhere(wentOver.heard);
    return wentOver.writes;
  }

  /** A term: from the checkpoint on, until the connection is lost, the checkpoint is not where it was left, or the process ends. */
  private async serve(): Promise<void> {
    const { name } = this.consumer;
    const { namespace } = this.tables;
    if (this.ending.aborted) return;
    this.movesOn = false;
    this.follower.renew();
    try {
      const checkpoint = await namespace.checkpoint();
      if (checkpoint !== undefined) this.standing.progress.advance(checkpoint);
      await namespace.transaction(async (tx) => this.consumer.takesOver?.(tx));
      await this.follower.lookForTip();
      this.log.info({ consumer: name, checkpoint }, `${name} is run here from now on.`);
      await this.follower.begin(checkpoint);
      await this.follower.work(checkpoint);
    } catch (error) {
      this.standing.trouble(`It can't be taken over: ${ended(sentenceOf(error))} It is tried again.`, error);
      await pause(this.standbyMs, this.ending);
    }
    this.follower.endTerm();
  }
}
