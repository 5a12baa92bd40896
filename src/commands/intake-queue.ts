// The intake queue: publishes on their way into the log. Publishers take turns, and none is admitted while its own messages still wait to be sent and
// those of all are more than go out in a few milliseconds: what was accepted goes out before more is taken in.
import { addTo, DeliveryBacklog } from './delivery-backlog.ts';
import { FairQueue } from './fair-queue.ts';

/**
 * Messages on their way into the log at one time. Without a limit, everything that arrives in one turn of the event loop would go in before a single
 * outcome is handled. Group commits of this size lose no throughput. One larger publish may be under way beside them.
 */
const mostAtOnce = 100;
/** The backlog may be as long as what is sent in this time. */
const backlogMs = 20;
/** While nothing was measured yet, and to keep the log and the receivers busy. */
const shortestBacklog = 48;
/** How often to look whether lanes that what waits here is held back by still keep up. */
const reviewEveryMs = 50;

type Publish = { readonly publisher: string; readonly weight: number; readonly start: () => void };

export class IntakeQueue {
  private readonly queue = new FairQueue<Publish>(mostAtOnce);
  private readonly runningOf = new Map<string, number>();
  private running = 0;
  private isLargeRunning = false;
  private reviews: NodeJS.Timeout | undefined;

  constructor(private readonly backlog: DeliveryBacklog = new DeliveryBacklog()) {
    backlog.onShorter = () => this.startNext();
  }

  /** Runs `work` when it is the publisher's turn. @param weight the number of messages */
  async run<T>(publisher: string, weight: number, work: () => Promise<T>): Promise<T> {
    if (this.queue.length > 0 || !this.mayGo(publisher, weight))
      await new Promise<void>((start) => {
        this.queue.push(publisher, weight, { publisher, weight, start });
        this.startNext();
        if (this.queue.length > 0) this.review();
      });
    else this.begin(publisher, weight);
    try {
      return await work();
    } finally {
      this.end(publisher, weight);
      this.startNext();
    }
  }

  private mayGo(publisher: string, weight: number): boolean {
    const hasRoom = isLarge(weight) ? !this.isLargeRunning : this.running + weight <= mostAtOnce;
    return hasRoom && !this.isHeldBack(publisher);
  }

  private isHeldBack(publisher: string): boolean {
    const { backlog } = this;
    const own = backlog.lengthOf(publisher) + (this.runningOf.get(publisher) ?? 0);
    if (backlog.length === 0 || own === 0) return false;
    return backlog.length + this.running >= Math.max(shortestBacklog, (backlog.perSecond * backlogMs) / 1_000);
  }

  private begin(publisher: string, weight: number): void {
    if (isLarge(weight)) this.isLargeRunning = true;
    else this.running += weight;
    addTo(this.runningOf, publisher, weight);
  }

  private end(publisher: string, weight: number): void {
    if (isLarge(weight)) this.isLargeRunning = false;
    else this.running -= weight;
    addTo(this.runningOf, publisher, -weight);
  }

  private startNext(): void {
    if (this.queue.length === 0) return;
    for (let next = this.next(); next; next = this.next()) {
      this.begin(next.publisher, next.weight);
      next.start();
    }
  }

  private next(): Publish | undefined {
    return this.queue.take((publisher, weight) => this.mayGo(publisher, weight));
  }

  /** A lane may stop to keep up without anything being sent. */
  private review(): void {
    this.reviews ??= setTimeout(() => {
      this.reviews = undefined;
      this.backlog.review();
      this.startNext();
      if (this.queue.length > 0) this.review();
    }, reviewEveryMs);
  }
}

const isLarge = (weight: number): boolean => weight > mostAtOnce;
