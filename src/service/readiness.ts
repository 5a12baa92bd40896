// What /health/ready is made of: whether the log and the views can be written and read now, and whether each consumer goes on. No answer takes longer
// than a check may, so a server that hangs is found like one that is gone.
import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadinessSource } from '../api/tokens.ts';
import type { AppendWatch } from '../commands/append-watch.ts';
import type { EventStore } from '../event-store/event-store.ts';
import type { ConsumerStatus } from '../read-models/engine/consumer-runner.ts';

/** Longer than a busy server takes, and short enough that an outage shows within two seconds. */
const longestCheckMs = 1_500;
/** A live consumer that has events to apply and applies none for so long stands still. */
const standstillMs = 1_500;
/** The sealer works at intervals, and the directory has nothing to catch up with. */
const applyWithoutPause: ReadonlySet<string> = new Set(['views', 'delivery-saga']);
const sampleEveryMs = 250;
/** A failed append counts for so long if none follows. */
const failureCountsMs = 5_000;
/** What a log on this disk needs at least to go on. */
const probeBytes = 64 * 1024;

type Watched = {
  readonly store: Pick<EventStore, 'tip'>;
  readonly appends: Pick<AppendWatch, 'recentFailure'>;
  /** Of an embedded log: it is written there. */
  readonly logFolder: string | undefined;
  /** Reads from the views. Rejects while they can't be read. */
  readonly readViews: () => Promise<unknown>;
  /** Set if the views are on a server. */
  readonly database: (() => Promise<{ readonly server: string | undefined }>) | undefined;
  /** How far the views are, as a sentence, until they hold what the log held at the start. */
  readonly viewsProgress: () => string | undefined;
  readonly consumers: () => readonly ConsumerStatus[];
  readonly directory: () => ConsumerStatus;
};

export class Readiness implements ReadinessSource {
  readonly database: ReadinessSource['database'];
  private readonly standstills: Standstills;

  constructor(private readonly watched: Watched) {
    const { database } = watched;
    this.database = database && (() => within(longestCheckMs, database(), 'The database'));
    this.standstills = new Standstills(watched.consumers);
  }

  start(): Disposable {
    return this.standstills.start();
  }

  async log(): ReturnType<ReadinessSource['log']> {
    const { store, appends, logFolder } = this.watched;
    const [tip] = await Promise.all([
      within(longestCheckMs, store.tip(), 'The log'),
      logFolder === undefined ? undefined : within(longestCheckMs, probe(logFolder), 'The disk of the log'),
    ]);
    const failure = appends.recentFailure(failureCountsMs);
    if (failure) throw failure;
    return { tip };
  }

  directory(): readonly ConsumerStatus[] {
    return [this.watched.directory()];
  }

  async consumers(): Promise<readonly ConsumerStatus[]> {
    const unreadable = await within(longestCheckMs, this.watched.readViews(), 'The tables of the views').then(
      () => undefined,
      (error: unknown) => `The views can't be read: ${error instanceof Error ? error.message : String(error)}`,
    );
    const building = this.watched.viewsProgress();
    return this.watched.consumers().map((status) => {
      if (status.name === 'views' && building !== undefined) return { ...status, error: building, isBuilding: true };
      const error = this.standstills.of(status) ?? (status.name === 'views' ? unreadable : undefined);
      return error === undefined || status.isImpeded ? status : { ...status, error, isImpeded: true };
    });
  }
}

/** Finds consumers that are live and have events to apply, but stay where they are. */
export class Standstills {
  private readonly unmoved = new Map<string, { readonly position: ConsumerStatus['position']; readonly since: number }>();

  constructor(
    private readonly consumers: () => readonly ConsumerStatus[],
    private readonly now: () => number = () => performance.now(),
  ) {}

  start(): Disposable {
    const timer = setInterval(() => this.sample(), sampleEveryMs).unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  sample(): void {
    for (const { name, state, position, lagEvents } of this.consumers()) {
      if (!applyWithoutPause.has(name) || state !== 'live' || lagEvents === 0) this.unmoved.delete(name);
      else if (this.unmoved.get(name)?.position !== position || !this.unmoved.has(name))
        this.unmoved.set(name, { position, since: this.now() });
    }
  }

  of({ name, lagEvents }: ConsumerStatus): string | undefined {
    const since = this.unmoved.get(name)?.since;
    const seconds = since === undefined ? 0 : (this.now() - since) / 1_000;
    if (seconds * 1_000 < standstillMs) return undefined;
    return `It has not moved for ${seconds.toFixed(1)} s, with ${lagEvents} events to apply.`;
  }
}

/** Writes and syncs a file beside the log, as the log does. @throws the error of the disk, as a sentence */
const probe = async (folder: string): Promise<void> => {
  const file = join(folder, `.ready-${randomUUID()}`);
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(Buffer.alloc(probeBytes));
      await handle.datasync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Error(`The folder ${folder} can't be written (${error instanceof Error ? error.message : String(error)}).`, { cause: error });
  } finally {
    await rm(file, { force: true }).catch(() => undefined);
  }
};

/** @throws a sentence that says that `what` did not answer */
export const within = async <T>(ms: number, answer: Promise<T>, what: string): Promise<T> => {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what} did not answer within ${ms / 1_000} s.`)), ms);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
};
