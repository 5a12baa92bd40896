// The runner of all sources: a reader for each that is enabled, as the views show them. One process of all reads them: that of the delivery saga's
// consumer. While it is not certain which one that is, two may: what both do is done once, and read twice.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceId } from '../domain/ids.ts';
import type { SourceQueries, SourceView } from '../read-models/queries/source-queries.ts';
import { SourceReader, type ReaderOptions, type ReaderStatus, type SourceParts } from './source-reader.ts';

export type RunnerOptions = ReaderOptions & {
  /** The views are looked into this often; a change that was made here is not waited for. */
  readonly lookEveryMs?: number;
};

type Running = { readonly reader: SourceReader; readonly as: string };

export class SourceRunner {
  private readonly ending = new AbortController();
  private readonly running = new Map<SourceId, Running>();
  private wanted = Promise.withResolvers<void>();
  private looking: Promise<void> = Promise.resolve();
  private trouble: string | undefined;

  constructor(
    private readonly queries: Pick<SourceQueries, 'all'>,
    /** Resolves with true once the views show what the log held at the start: before, a source that is gone may look as if it were there. */
    private readonly upToDate: () => Promise<boolean>,
    /** Whether this is the process that reads them; looked at each time. */
    private readonly isHere: () => boolean,
    private readonly parts: SourceParts,
    private readonly options: RunnerOptions = {},
  ) {}

  start(): void {
    if (this.parts.foreign.unavailable === undefined) this.looking = this.lookOn();
  }

  /** A source was changed here, and the views show it. */
  look(): void {
    this.wanted.resolve();
  }

  /** Undefined: it is not read here. */
  status(id: SourceId): ReaderStatus | undefined {
    return this.running.get(id)?.reader.status();
  }

  /** By the names of the sources that are read here. */
  statuses(): readonly (ReaderStatus & { readonly name: string })[] {
    return Array.from(this.running.values(), ({ reader }) => ({ name: reader.source.configuration.settings.name, ...reader.status() }));
  }

  async stop(): Promise<void> {
    this.ending.abort();
    this.look();
    await this.looking;
    await Promise.all(Array.from(this.running.keys(), (id) => this.end(id)));
  }

  private async lookOn(): Promise<void> {
    const { signal } = this.ending;
    const { lookEveryMs = 1_000 } = this.options;
    const pause = () => Promise.race([this.wanted.promise, sleep(lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined)]);
    while (!signal.aborted && !(await this.upToDate())) await pause();
    while (!signal.aborted) {
      this.wanted = Promise.withResolvers();
      try {
        await this.reconcile(this.isHere() ? await this.queries.all() : []);
        this.trouble = undefined;
      } catch (error) {
        const sentence = error instanceof Error ? error.message : String(error);
        if (this.trouble !== sentence) this.parts.log.warn({ err: error }, `Changes of sources are not seen just now: ${sentence}`);
        this.trouble = sentence;
      }
      await pause();
    }
  }

  /** A source that was changed is begun again, from where it was recorded to stand. */
  private async reconcile(all: readonly SourceView[]): Promise<void> {
    const enabled = new Map(all.filter(({ configuration }) => configuration.status === 'ENABLED').map((source) => [source.id, source]));
    for (const id of this.running.keys()) if (!enabled.has(id)) await this.end(id);
    for (const [id, source] of enabled) {
      if (this.ending.signal.aborted) return;
      const as = JSON.stringify(source.configuration);
      if (this.running.get(id)?.as === as) continue;
      await this.end(id);
      const reader = new SourceReader(source, this.parts, this.options);
      this.running.set(id, { reader, as });
      reader.start();
    }
  }

  private async end(id: SourceId): Promise<void> {
    await this.running.get(id)?.reader.stop();
    this.running.delete(id);
  }
}
