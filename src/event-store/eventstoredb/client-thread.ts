// This side of the client's thread: calls, their time limits, and the followers' batches. When the thread dies, or is replaced because its client
// can't be trusted any more, every call on its way is answered as lost, and the next one goes to a new thread.
import { Worker } from 'node:worker_threads';
import type {
  AppendAnswer,
  ClientFailure,
  ClientOptions,
  CountRequest,
  EncodedWrite,
  LastEventSearch,
  SubscriptionRequest,
  SubscriptionItem,
  FromClient,
  LastEventFound,
  StreamRange,
  ToClient,
} from './client.worker.ts';
import type { Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../codec.ts';
import { lostCall, unansweredCall } from './failures.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './client.worker.ts' : './client.worker.js', import.meta.url);

/** What a call was answered with instead of a result. */
export class CallFailed extends Error {
  override name = 'CallFailed';
  constructor(readonly failure: ClientFailure) {
    super(failure.message);
  }
}

type Call = { readonly resolve: (answer: never) => void; readonly reject: (error: CallFailed) => void; stop: () => void };

/** One subscription, from where it began until it ends. */
export class Subscription {
  #items: SubscriptionItem[] = [];
  #bytes = 0;
  #ended: { readonly failure: ClientFailure | undefined } | undefined;
  #wake = () => {};
  readonly #taken: (bytes: number) => void;
  readonly #unfollow: () => void;

  constructor(taken: (bytes: number) => void, unfollow: () => void) {
    this.#taken = taken;
    this.#unfollow = unfollow;
  }

  push(items: readonly SubscriptionItem[], bytes: number): void {
    for (const item of items) this.#items.push(item);
    this.#bytes += bytes;
    this.#wake();
  }

  end(failure: ClientFailure | undefined): void {
    this.#ended ??= { failure };
    this.#wake();
  }

  /**
   * What has come, at most `count`; waits while there is nothing, at the longest `timeoutMs`, and then gives nothing. More is sent for what was
   * taken. @returns undefined when it ended. @throws CallFailed when it ended by an error.
   */
  async take(count: number, signal: AbortSignal, timeoutMs?: number): Promise<readonly SubscriptionItem[] | undefined> {
    if (this.#items.length === 0 && !this.#ended && !signal.aborted) await this.#something(signal, timeoutMs);
    if (this.#items.length === 0 && this.#ended) {
      if (this.#ended.failure) throw new CallFailed(this.#ended.failure);
      return undefined;
    }
    if (this.#items.length <= count) {
      const items = this.#items;
      this.#items = [];
      if (this.#bytes >= toldAfterBytes) {
        this.#taken(this.#bytes);
        this.#bytes = 0;
      }
      return items;
    }
    return this.#items.splice(0, count);
  }

  close(): void {
    this.end(undefined);
    this.#unfollow();
  }

  async #something(signal: AbortSignal, timeoutMs: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      signal.addEventListener('abort', this.#wake);
      if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
    });
    signal.removeEventListener('abort', this.#wake);
    clearTimeout(timer);
    this.#wake = () => {};
  }
}

/** How much a follower may be sent beyond what it said it took, and how much it takes before it says so. */
const window = 2 * 1024 * 1024;
const toldAfterBytes = window / 8;
/** A call may take so many times as long while others are answered. */
const longestFactor = 3;
/** A subscription that is not confirmed by then never will be. */
const confirmedWithinMs = 10_000;
/** The client makes much that lives for as long as an append is on its way: in as little as is enough for reading, collecting it takes a fifth of the time. */
const youngGenerationMb = { appending: 48, reading: 16 };

export class ClientThread {
  readonly #options: ClientOptions;
  readonly #onUnhandled: (count: number, failure: ClientFailure) => void;
  readonly #resourceLimits: { readonly maxYoungGenerationSizeMb: number };
  #worker: Worker | undefined;
  /** Time limits that begin to run when the thread does. */
  #starting: Set<() => void> | undefined;
  #answeredAt = -Infinity;
  #closed = false;
  #next = 1;
  #calls = new Map<number, Call>();
  #followings = new Map<number, { readonly following: Subscription; readonly stop: () => void }>();
  /** What is said in one turn of the event loop, as it goes in one message. */
  #outbox: ToClient[] = [];

  constructor(
    options: ClientOptions,
    { appends, onUnhandled }: { readonly appends: boolean; readonly onUnhandled: (count: number, failure: ClientFailure) => void },
  ) {
    this.#options = options;
    this.#onUnhandled = onUnhandled;
    this.#resourceLimits = { maxYoungGenerationSizeMb: appends ? youngGenerationMb.appending : youngGenerationMb.reading };
  }

  append(write: EncodedWrite, timeoutMs: number): Promise<AppendAnswer> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'append', call, write }));
  }

  read(range: StreamRange, timeoutMs: number): Promise<readonly StoredEvent[]> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'read', call, range }));
  }

  readAt(position: Position, timeoutMs: number): Promise<StoredEvent | undefined> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'read-at', call, position }));
  }

  findLast(find: LastEventSearch, timeoutMs: number): Promise<LastEventFound> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'find-last', call, find }));
  }

  countBetween(count: CountRequest, timeoutMs: number): Promise<number> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'count', call, count }));
  }

  subscribe(follow: Omit<SubscriptionRequest, 'window'>): Subscription {
    const call = this.#next++;
    const following = new Subscription(
      (bytes) => this.#tell({ kind: 'taken', call, bytes }),
      () => {
        this.#forget(call);
        this.#tell({ kind: 'unfollow', call });
      },
    );
    if (this.#closed) {
      following.end(lostCall('the log is closed'));
      return following;
    }
    const stop = this.#after(confirmedWithinMs, () => {
      this.#forget(call);
      following.end(unansweredCall(`a subscription was not confirmed within ${confirmedWithinMs / 1000} s`));
      this.#tell({ kind: 'unfollow', call });
    });
    this.#followings.set(call, { following, stop });
    this.#post({ kind: 'follow', call, follow: { ...follow, window } });
    return following;
  }

  /** What is on its way is lost, and the next call goes to a new thread. */
  replace(): void {
    if (this.#closed) return;
    const worker = this.#worker;
    this.#worker = undefined;
    this.#lose('its client was replaced');
    void worker?.terminate();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    this.#lose('the log is closed');
    await worker?.terminate();
  }

  /** The thread; where there is none it is started. */
  #running(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(workerFile, { workerData: this.#options, resourceLimits: this.#resourceLimits });
    this.#worker = worker;
    this.#starting = new Set();
    let cause = 'its thread ended';
    worker.on('message', (messages: readonly FromClient[]) => {
      for (const message of messages) if (this.#worker === worker) this.#told(message);
    });
    worker.on('error', (error) => (cause = `its thread died: ${error instanceof Error ? error.message : String(error)}`));
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#lose(cause);
    });
    return worker;
  }

  #told(message: FromClient): void {
    switch (message.kind) {
      case 'ready':
        for (const begin of this.#starting ?? []) begin();
        this.#starting = undefined;
        break;
      case 'answer': {
        this.#answeredAt = performance.now();
        const call = this.#calls.get(message.call);
        if (!call) break; // it came too late
        this.#calls.delete(message.call);
        call.stop();
        if (message.failure) call.reject(new CallFailed(message.failure));
        else call.resolve(message.answer as never);
        break;
      }
      case 'confirmed':
        this.#followings.get(message.call)?.stop();
        break;
      case 'followed':
        this.#followings.get(message.call)?.following.push(message.followed.items, message.followed.bytes);
        break;
      case 'ended':
        this.#followings.get(message.call)?.following.end(message.failure);
        this.#forget(message.call);
        break;
      case 'unhandled':
        this.#onUnhandled(message.count, message.failure);
        break;
    }
  }

  #call<T>(timeoutMs: number, send: (call: number) => void): Promise<T> {
    if (this.#closed) return Promise.reject(new CallFailed(lostCall('the log is closed')));
    return new Promise<T>((resolve, reject) => {
      const number = this.#next++;
      const call = { resolve, reject, stop: () => {} };
      const began = performance.now();
      const late = () => {
        // While others are answered, it may only be that the server has much to do.
        const left = Math.min(this.#answeredAt + timeoutMs, began + longestFactor * timeoutMs) - performance.now();
        if (left > 1) {
          call.stop = this.#after(left, late);
          return;
        }
        this.#calls.delete(number);
        reject(new CallFailed(unansweredCall(`it did not answer within ${timeoutMs / 1000} s`)));
      };
      call.stop = this.#after(timeoutMs, late);
      this.#calls.set(number, call);
      send(number);
    });
  }

  #post(message: ToClient): void {
    if (this.#outbox.length === 0)
      setImmediate(() => {
        const messages = this.#outbox;
        this.#outbox = [];
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
        if (messages.length > 0 && !this.#closed) this.#running().postMessage(messages);
      });
    this.#outbox.push(message);
  }

  /** What only a thread that runs need be told. */
  #tell(message: ToClient): void {
    if (this.#worker) this.#post(message);
  }

  #forget(call: number): void {
    this.#followings.get(call)?.stop();
    this.#followings.delete(call);
  }

  /** @returns what stops it */
  #after(ms: number, late: () => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    const begin = () => {
      timer = setTimeout(late, ms);
    };
    this.#running();
    const starting = this.#starting;
    if (starting) starting.add(begin);
    else begin();
    return () => {
      starting?.delete(begin);
      clearTimeout(timer);
    };
  }

  #lose(reason: string): void {
    const calls = Array.from(this.#calls.values());
    const followings = Array.from(this.#followings);
    this.#calls.clear();
    this.#outbox = [];
    for (const { stop, reject } of calls) {
      stop();
      reject(new CallFailed(lostCall(reason)));
    }
    for (const [call, { following }] of followings) {
      this.#forget(call);
      following.end(lostCall(reason));
    }
  }
}
