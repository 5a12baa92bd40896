// The append queue: appends that wait for the writer, and groups of them that it has not answered yet. Each group is one commit, with one fsync.
import type { Appended, Write } from '../event-store.ts';
import type { AppendEncoding } from './append-encoding.ts';
import type { EncodedAppend } from './writer.worker.ts';

/** One group is being committed while the next is ready, so the writer never waits for this thread. */
const mostGroupsInFlight = 2;

type PendingAppend = {
  readonly writes: readonly Write[];
  readonly encoded: EncodedAppend;
  readonly events: AppendEncoding['events'];
  readonly bytes: number;
  readonly resolve: (appended: readonly Appended[]) => void;
  readonly reject: (error: Error) => void;
};

export class AppendQueue {
  readonly #send: (group: readonly EncodedAppend[]) => boolean;
  #waiting: PendingAppend[] = [];
  /** Oldest first. */
  #inFlight: PendingAppend[][] = [];
  #bytes = 0;

  /** @param send hands a group to the writer. @returns false if there is no writer */
  constructor(send: (group: readonly EncodedAppend[]) => boolean) {
    this.#send = send;
  }

  /** Of everything that the writer has not answered yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param part the number of an append whose first parts the writer has already */
  add(writes: readonly Write[], encoding: AppendEncoding, part: number | undefined): Promise<readonly Appended[]> {
    const { events, bytes } = encoding;
    const encoded = { ...(part !== undefined && { part }), writes: encoding.takeRest() };
    return new Promise((resolve, reject) => {
      // Flushed at the end of the tick: requests that arrived together share one message and one fsync.
      if (this.#waiting.length === 0) setImmediate(() => this.#flushWhenFree());
      this.#waiting.push({ writes, encoded, events, bytes, resolve, reject });
      this.#bytes += bytes;
    });
  }

  /** While the writer is busy, appends collect here: they could not be committed any sooner. */
  #flushWhenFree(): void {
    if (this.#inFlight.length < mostGroupsInFlight) this.flush();
  }

  flush(): void {
    const group = this.#waiting;
    if (group.length === 0 || !this.#send(group.map(({ encoded }) => encoded))) return;
    this.#waiting = [];
    this.#inFlight.push(group);
  }

  /** Takes the appends of the oldest groups, which the writer has answered. */
  takeAnswered(groups: number): readonly PendingAppend[] {
    const taken = this.#inFlight.splice(0, groups).flat();
    setImmediate(() => this.#flushWhenFree());
    for (const { bytes } of taken) this.#bytes -= bytes;
    return taken;
  }

  /** Rejects everything, sent or not. */
  rejectAll(error: Error): void {
    for (const { reject } of [...this.takeAnswered(this.#inFlight.length), ...this.#waiting]) reject(error);
    this.#waiting = [];
    this.#bytes = 0;
  }
}
