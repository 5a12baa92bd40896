// The main thread's side of the thread that keeps the views: starts it, opens the tables for queries, and reports status and progress.
// Guarantee: that of the consumer runner in the thread. Limit: the thread reads the log's file again, some microseconds per event on another core.
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import { Outage } from '../../outage.ts';
import type { Position } from '../../domain/ids.ts';
import { UndecodableEvent, type EventStore } from '../../event-store/event-store.ts';
import type { ConsumerStatus } from '../engine/consumer-runner.ts';
import type { Database, ReadOnlyTables } from '../engine/database/database.ts';
import { LiveDeliveries } from './live-deliveries.ts';
import { Progress } from '../engine/progress.ts';
import type { ViewsSchema } from './schema.ts';
import { Views } from './views.ts';
import type { FromViews, ToViews, ViewsWorkerOptions } from './views.worker.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './views.worker.ts' : './views.worker.js', import.meta.url);

/** Replaced tables stay open this long, for queries that are still running on them. */
const graceMs = 30_000;
/** How often to tell the thread that the log has grown. Whoever waits for a position tells it at once. */
const notifyEveryMs = 20;
/** Subscribers hear of a change after this long at the latest, even if the views do not show it yet. */
const longestWaitMs = 5_000;
const retryMs = 1_000;

/** Nothing more is applied to the tables that queries read. */
const isAtStandstill = ({ state }: ConsumerStatus) => state === 'stopped' || state === 'superseded';

export class ViewsThread {
  private readonly progress = new Progress();
  private readonly ending = new AbortController();
  private readonly editions = new Map<string, ReadOnlyTables<ViewsSchema>>();
  private worker: Worker | undefined;
  private reads: string | undefined;
  private isReadingOlder = false;
  private notifier: NodeJS.Timeout | undefined;
  private notified: Position | undefined;
  private isFollowing = false;
  private readonly outage: Outage;
  private last: ConsumerStatus = {
    name: 'views',
    version: new Views().version,
    state: 'starting',
    position: undefined,
    lagEvents: 0,
    lagSeconds: 0,
  };

  constructor(
    private readonly store: EventStore,
    private readonly database: Database,
    private readonly live: LiveDeliveries,
    private readonly log: Pick<BaseLogger, 'info' | 'warn' | 'error'>,
    private readonly options: Omit<ViewsWorkerOptions, 'tip'>,
  ) {
    this.outage = new Outage('Subscribers miss changes of deliveries: the log cannot be followed', log);
  }

  /** Resolves when the tables are open and the thread follows the log. Rejects if it cannot start. */
  async start(): Promise<void> {
    const tip = await this.store.tip();
    const worker = new Worker(workerFile, {
      workerData: { ...this.options, tip } satisfies ViewsWorkerOptions,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.worker = worker;
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: FromViews) => {
        this.receive(message).then(resolve, reject);
      });
      worker.on('error', (error) => {
        this.log.error({ err: error }, 'The thread of the views has died. They are not updated until the next start.');
        this.last = { ...this.last, state: 'stopped', error: `The thread of the views has died: ${error.message}` };
        this.progress.end();
        reject(error);
      });
    });
    // A log server notifies its followers by itself.
    if (this.options.address.kind === 'embedded') this.notifier = setInterval(() => void this.notify(), notifyEveryMs);
    this.live.onSubscribed = () => void this.follow();
  }

  /** What queries read. Ask for it at each query, because rebuilt tables may replace it. */
  get read(): Kysely<ViewsSchema> {
    const open = this.reads === undefined ? undefined : this.editions.get(this.reads);
    if (!open) throw new Error('The views were not started.');
    return open.read;
  }

  /** Until this version has caught up, if it can read an older one. */
  get readsOlderVersion(): boolean {
    return this.isReadingOlder;
  }

  /** @returns whether everything up to `position` was applied and committed within `timeoutMs`. */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    this.post({ tip: position });
    this.post({ awaited: position, timeoutMs });
    return this.progress.reached(position, isAtStandstill(this.last) ? 0 : timeoutMs);
  }

  status(): ConsumerStatus {
    return this.last;
  }

  /** Finishes the running transaction. */
  async stop(): Promise<void> {
    clearInterval(this.notifier);
    this.ending.abort();
    const { worker } = this;
    if (worker) {
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      this.post('stop');
      await ended;
    }
    this.progress.end();
    await Promise.all(Array.from(this.editions.values(), (edition) => edition.close()));
  }

  private post(message: ToViews): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.worker?.postMessage(message);
  }

  private async receive({ status, reads }: FromViews): Promise<void> {
    const edition = JSON.stringify(reads);
    if (edition !== this.reads) {
      const before = this.reads;
      const build = 'build' in reads ? reads.build : undefined;
      if (!this.editions.has(edition)) this.editions.set(edition, await this.database.openForQueries(status.name, reads.version, build));
      this.reads = edition;
      this.isReadingOlder = reads.version !== status.version;
      if (before !== undefined) setTimeout(() => void this.close(before), graceMs).unref();
    }
    this.last = status;
    if (status.position !== undefined) this.progress.advance(status.position);
    if (isAtStandstill(status)) this.progress.end();
  }

  private async close(edition: string): Promise<void> {
    await this.editions.get(edition)?.close();
    this.editions.delete(edition);
  }

  /** Tells the thread where the log ends. */
  private async notify(): Promise<void> {
    const tip = await this.store.tip();
    if (tip === undefined || tip === this.notified) return;
    this.notified = tip;
    this.post({ tip });
  }

  /** Sends subscribers the changes from here on, as the views come to show them. Reads nothing while there are no subscribers. */
  private async follow(): Promise<void> {
    if (this.isFollowing) return;
    this.isFollowing = true;
    for (let last = this.last.position; this.live.subscriberCount > 0 && !this.ending.signal.aborted; last = await this.followFrom(last));
    this.isFollowing = false;
  }

  /** @returns where it ended: nobody subscribes any more, or the log can't be read from there */
  private async followFrom(after: Position | undefined): Promise<Position | undefined> {
    let last = after;
    try {
      for await (const batch of this.store.follow(after, { signal: this.ending.signal, batchSize: 1000 })) {
        if (this.live.subscriberCount === 0) break;
        this.outage.over();
        last = batch.at(-1)?.position ?? last;
        if (last !== undefined) void this.reached(last, longestWaitMs).then(() => this.live.committed(batch, true));
        await delay(notifyEveryMs);
      }
    } catch (error) {
      // This version shows no change that such an event makes. That the views stop there is reported by their thread.
      if (error instanceof UndecodableEvent) return error.position;
      this.outage.failed(error);
      await delay(retryMs);
    }
    return last;
  }
}
