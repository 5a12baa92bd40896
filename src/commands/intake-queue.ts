// The intake queue: publishes on their way into the log. Organizations take turns, and in each its publishers, and none is admitted while its own messages still wait to be sent and
// those of all are more than go out in a few milliseconds: what was accepted goes out before more is taken in.
import { addTo, DeliveryBacklog } from './delivery-backlog.ts';
import { FairGroups } from '../fair-queue.ts';
import { partsOfPublisher } from './caller.ts';

/**
 * Messages on their way into the log at one time. Without a limit, everything that arrives in one turn of the event loop would go in before a single
 * outcome is handled. One large publish may be under way beside them.
 */
const mostAtOnce = 400;
const large = 100;
/** The backlog may be as long as what is sent in this time. */
const backlogMs = 20;
/** While nothing was measured yet, and to keep the log and the receivers busy. */
const shortestBacklog = 48;
/** How often to look whether lanes that what waits here is held back by still keep up. */
const reviewEveryMs = 50;

/** Of a key that has many publishes waiting, no more are taken while the next has waited for `full`, and none waits longer than `late`. */
const many = 64;
const longestOfMany = { full: 400, late: 1_600 };
/** The same for others: a few large ones take their time. */
const longestOfFew = { full: 4_000, late: 5_000 };

/** More is waiting to be published than can be accepted soon. Nothing was stored. */
export class IntakeFull extends Error {
  override name = 'IntakeFull';
  readonly retryAfterSeconds = 1;
  constructor() {
    super('More messages are waiting to be accepted than can be within a second or two; try again in a second.');
  }
}

type Publish = {
  readonly publisher: string;
  readonly weight: number;
  readonly since: number;
  readonly start: () => void;
  readonly refuse: (error: IntakeFull) => void;
};

export class IntakeQueue {
  private readonly queue = new FairGroups<Publish>(large, (publisher) => partsOfPublisher(publisher)[0]);
  private readonly runningOf = new Map<string, number>();
  private running = 0;
  private isLargeRunning = false;
  private reviews: NodeJS.Timeout | undefined;

  constructor(
    private readonly backlog: DeliveryBacklog = new DeliveryBacklog(),
    private readonly now: () => number = () => performance.now(),
  ) {
    backlog.onShorter = () => this.startNext();
  }

  /** Whether another publish would wait too long. */
  isFull(publisher: string): boolean {
    const next = this.queue.first(publisher);
    return next !== undefined && this.now() - next.since > this.longest(publisher).full;
  }

  /** Runs `work` when it is the publisher's turn. @param weight the number of messages. @throws IntakeFull if that takes too long */
  async run<T>(publisher: string, weight: number, work: () => Promise<T>): Promise<T> {
    if (this.queue.length > 0 || !this.mayGo(publisher, weight))
      await new Promise<void>((start, refuse) => {
        this.queue.push(publisher, weight, { publisher, weight, since: this.now(), start, refuse });
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

  private longest(publisher: string) {
    return this.queue.lengthOf(publisher) > many ? longestOfMany : longestOfFew;
  }

  private mayGo(publisher: string, weight: number): boolean {
    const hasRoom = isLarge(weight) ? !this.isLargeRunning : this.running + weight <= mostAtOnce;
    return hasRoom && !this.isHeldBack(publisher, weight);
  }

  /** Whether the publisher would then have more than its share of the backlog. A single publisher always has it all, so it is held back. */
  private isHeldBack(publisher: string, weight: number): boolean {
    const { backlog } = this;
    if (backlog.length === 0) return false;
    if (backlog.length + this.running < Math.max(shortestBacklog, (backlog.perSecond * backlogMs) / 1_000)) return false;
    const coming = weight + (this.runningOf.get(publisher) ?? 0);
    return (backlog.lengthOf(publisher) + coming) * backlog.sharesWith(publisher) >= backlog.length + coming;
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

  /** Parts of the system have nobody to tell, and few publishes at a time. */
  private refuseLate(): void {
    const now = this.now();
    const isLate = ({ publisher, since }: Publish) =>
      !partsOfPublisher(publisher)[1].startsWith('system:') && now - since > this.longest(publisher).late;
    for (const { refuse } of this.queue.remove(isLate)) refuse(new IntakeFull());
  }

  /** A lane may stop to keep up without anything being sent. */
  private review(): void {
    this.reviews ??= setTimeout(() => {
      this.reviews = undefined;
      this.backlog.review();
      this.startNext();
      this.refuseLate();
      if (this.queue.length > 0) this.review();
    }, reviewEveryMs);
  }
}

const isLarge = (weight: number): boolean => weight > large;
