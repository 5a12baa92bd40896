// The runner of all sources: a reader for each source that is enabled, as the views show them. Of several replicas, the one that leads the delivery saga
// reads them. While the lead changes, two may read: each event is read twice and published once.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceId } from '../domain/ids.ts';
import { Outage } from '../outage.ts';
import type { SourceQueries, SourceView } from '../read-models/queries/source-queries.ts';
import { labelOf, SourceReader, type ReaderOptions, type ReaderStatus, type SourceParts } from './source-reader.ts';

export type RunnerOptions = ReaderOptions & {
  /** How often the views are checked for changes. A change made through this process is seen at once. */
  readonly checkEveryMs?: number;
};

/** A reader, and the configuration that it was started with. */
type Running = { readonly reader: SourceReader; readonly configuration: string };

export class SourceRunner {
  private readonly ending = new AbortController();
  private readonly running = new Map<SourceId, Running>();
  private checkRequested = Promise.withResolvers<void>();
  private checking: Promise<void> = Promise.resolve();
  private readonly outage: Outage;

  constructor(
    private readonly queries: Pick<SourceQueries, 'all'>,
    /** Resolves with true once the views show all that the log held at the start. Until then they may show a source that was deleted. */
    private readonly upToDate: () => Promise<boolean>,
    /** Whether this process reads the sources; asked at each check. */
    private readonly isHere: () => boolean,
    private readonly parts: SourceParts,
    private readonly options: RunnerOptions = {},
  ) {
    this.outage = new Outage("The sources can't be checked for changes", parts.log);
  }

  start(): void {
    if (this.parts.foreign.unavailable === undefined) this.checking = this.checkRepeatedly();
  }

  /** A source was changed through this process, and the views show it. */
  look(): void {
    this.checkRequested.resolve();
  }

  /** Undefined: this process does not read it. */
  status(id: SourceId): ReaderStatus | undefined {
    return this.running.get(id)?.reader.status();
  }

  /** Of the sources that this process reads. */
  statuses(): readonly (ReaderStatus & { readonly label: string })[] {
    return Array.from(this.running.values(), ({ reader }) => ({ label: labelOf(reader.source), ...reader.status() }));
  }

  async stop(): Promise<void> {
    this.ending.abort();
    this.look();
    await this.checking;
    await Promise.all(Array.from(this.running.keys(), (id) => this.end(id)));
  }

  private async checkRepeatedly(): Promise<void> {
    const { signal } = this.ending;
    const { checkEveryMs = 1_000 } = this.options;
    const pause = () =>
      Promise.race([this.checkRequested.promise, sleep(checkEveryMs, undefined, { signal, ref: false }).catch(() => undefined)]);
    while (!signal.aborted && !(await this.upToDate())) await pause();
    while (!signal.aborted) {
      this.checkRequested = Promise.withResolvers();
      try {
        await this.reconcile(this.isHere() ? await this.queries.all() : []);
        this.outage.over();
      } catch (error) {
        this.outage.failed(error);
      }
      await pause();
    }
  }

  /** Starts and ends readers. A source that was changed gets a new reader, which begins at the recorded position. */
  private async reconcile(all: readonly SourceView[]): Promise<void> {
    const enabled = new Map(all.filter(({ configuration }) => configuration.status === 'ENABLED').map((source) => [source.id, source]));
    for (const id of this.running.keys()) if (!enabled.has(id)) await this.end(id);
    for (const [id, source] of enabled) {
      if (this.ending.signal.aborted) return;
      const configuration = JSON.stringify(source.configuration);
      if (this.running.get(id)?.configuration === configuration) continue;
      await this.end(id);
      const reader = new SourceReader(source, this.parts, this.options);
      this.running.set(id, { reader, configuration });
      reader.start();
    }
  }

  private async end(id: SourceId): Promise<void> {
    await this.running.get(id)?.reader.stop();
    this.running.delete(id);
  }
}
