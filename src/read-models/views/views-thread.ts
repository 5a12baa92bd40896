// The views, kept by a thread of their own: the consumer's runner is there, and here is what the rest of the process sees
// of it. Guarantee: as the runner's. Limit: the thread reads the log's file again, which costs some microseconds per event on another core.
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { Position } from '../../domain/ids.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import type { ConsumerStatus } from '../engine/consumer-runner.ts';
import type { Database, ReadOnlyTables } from '../engine/database/database.ts';
import { LiveDeliveries } from './live-deliveries.ts';
import { Progress } from '../engine/progress.ts';
import type { ViewsSchema } from './schema.ts';
import { Views } from './views.ts';
import type { FromViews, ToViews, ViewsWorkerOptions } from './views.worker.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './views.worker.ts' : './views.worker.js', import.meta.url);

/** What was replaced stays open this long, for queries that had begun on it. */
const graceMs = 30_000;
/** The thread is told that the log has grown this often: what it reads at a time is worth the turn. Who waits for a position is not kept. */
const tellEveryMs = 20;
/** Whoever listens to deliveries is told at the latest then, though the views may not show it yet. */
const longestWaitMs = 5_000;

export class ViewsThread {
  private readonly progress = new Progress();
  private readonly ending = new AbortController();
  private readonly editions = new Map<string, ReadOnlyTables<ViewsSchema>>();
  private worker: Worker | undefined;
  private reads: string | undefined;
  private telling: NodeJS.Timeout | undefined;
  private told: Position | undefined;
  private isFollowing = false;
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
    private readonly log: Pick<BaseLogger, 'error'>,
    private readonly options: Omit<ViewsWorkerOptions, 'tip'>,
  ) {}

  /** Resolves when the tables are open and the thread follows. Rejects when it can't begin. */
  async start(): Promise<void> {
    const tip = await this.store.tip();
    const worker = new Worker(workerFile, {
      workerData: { ...this.options, tip } satisfies ViewsWorkerOptions,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.worker = worker;
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: FromViews) => {
        this.heard(message).then(resolve, reject);
      });
      worker.on('error', (error) => {
        this.log.error({ err: error }, 'The thread of the views has died; they stand still until the next start.');
        this.last = { ...this.last, state: 'stopped', error: `The thread of the views has died: ${error.message}` };
        this.progress.end();
        reject(error);
      });
    });
    // A server tells whoever follows it by itself.
    if (this.options.address.kind === 'embedded') this.telling = setInterval(() => void this.tell(), tellEveryMs);
    this.live.onWanted = () => void this.follow();
  }

  /** What queries see. Take it anew per query: other tables may take their place. */
  get read(): Kysely<ViewsSchema> {
    const open = this.reads === undefined ? undefined : this.editions.get(this.reads);
    if (!open) throw new Error('The views were not started.');
    return open.read;
  }

  /** @returns whether everything up to `position` was applied and committed within `timeoutMs`. */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    this.post({ tip: position });
    this.post({ awaited: position, timeoutMs });
    return this.progress.reached(position, this.last.state === 'stopped' ? 0 : timeoutMs);
  }

  status(): ConsumerStatus {
    return this.last;
  }

  /** Finishes the running transaction. */
  async stop(): Promise<void> {
    clearInterval(this.telling);
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

  private async heard({ status, reads }: FromViews): Promise<void> {
    const edition = JSON.stringify(reads);
    if (edition !== this.reads) {
      const before = this.reads;
      const build = 'build' in reads ? reads.build : undefined;
      if (!this.editions.has(edition)) this.editions.set(edition, await this.database.openReadOnly(status.name, reads.version, build));
      this.reads = edition;
      if (before !== undefined) setTimeout(() => void this.close(before), graceMs).unref();
    }
    this.last = status;
    if (status.position !== undefined) this.progress.advance(status.position);
    if (status.state === 'stopped') this.progress.end();
  }

  private async close(edition: string): Promise<void> {
    await this.editions.get(edition)?.close();
    this.editions.delete(edition);
  }

  /** Tells the thread how far the log is. */
  private async tell(): Promise<void> {
    const tip = await this.store.tip();
    if (tip === undefined || tip === this.told) return;
    this.told = tip;
    this.post({ tip });
  }

  /** Tells those who listen what the views come to show, from what they show now on. While nobody listens, nothing is read. */
  private async follow(after = this.last.position): Promise<void> {
    if (this.isFollowing) return;
    this.isFollowing = true;
    let last = after;
    for await (const batch of this.store.follow(after, { signal: this.ending.signal, batchSize: 1000 })) {
      if (this.live.subscriberCount === 0) break;
      last = batch.at(-1)?.position ?? last;
      if (last !== undefined) void this.reached(last, longestWaitMs).then(() => this.live.committed(batch, true));
      await delay(tellEveryMs);
    }
    this.isFollowing = false;
    if (this.live.subscriberCount > 0 && !this.ending.signal.aborted) await this.follow(last); // somebody came while it ended
  }
}
