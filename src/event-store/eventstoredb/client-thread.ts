// The adapter's side of the client's thread: calls and their time limits, and subscriptions. When the thread dies, or is replaced because its
// client can no longer be trusted, all pending calls fail as lost, and the next call starts a new thread.
import { Worker } from 'node:worker_threads';
import type { Position } from '../../domain/ids.ts';
import { CallFailed, lostCall, unansweredCall } from './call-failed.ts';
import type {
  AppendAnswer,
  ClientFailure,
  ClientOptions,
  CountRequest,
  EncodedWrite,
  EventOnServer,
  FromClient,
  LastEventFound,
  LastEventSearch,
  Purpose,
  StreamRange,
  SubscriptionRequest,
  ToClient,
} from './client/messages.ts';
import { Subscription, subscriptionWindow } from './subscription.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './client.worker.ts' : './client.worker.js', import.meta.url);

type Call = { readonly resolve: (answer: never) => void; readonly reject: (error: CallFailed) => void; stopTimer: () => void };

/** While other calls are answered, a call may take this many times as long. */
const longestFactor = 3;
/** A subscription not confirmed by then never will be. */
const confirmedWithinMs = 10_000;
/** Appending creates many objects that live as long as an append is pending. With as little memory as reading needs, collecting them takes a fifth of the time. */
const youngGenerationMb = { appending: 48, reading: 16 };

export class ClientThread {
  readonly #options: ClientOptions;
  readonly #onUnhandled: (count: number, failure: ClientFailure) => void;
  readonly #resourceLimits: { readonly maxYoungGenerationSizeMb: number };
  #worker: Worker | undefined;
  /** Starts the time limits of the calls that wait for the thread to start. */
  #startTimers: Set<() => void> | undefined;
  #answeredAt = -Infinity;
  #closed = false;
  #next = 1;
  #calls = new Map<number, Call>();
  #subscriptions = new Map<number, { readonly subscription: Subscription; readonly stopTimer: () => void }>();
  /** What is sent in one turn of the event loop, as one message. */
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

  read(range: StreamRange, timeoutMs: number): Promise<readonly EventOnServer[]> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'read', call, range }));
  }

  readAt(position: Position, timeoutMs: number): Promise<EventOnServer | undefined> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'read-at', call, position }));
  }

  findLast(search: LastEventSearch, timeoutMs: number): Promise<LastEventFound> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'find-last', call, search }));
  }

  count(count: CountRequest, timeoutMs: number): Promise<number> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'count', call, count }));
  }

  /** Resolves if a node can be used for the purpose. */
  probe(purpose: Purpose, timeoutMs: number): Promise<void> {
    return this.#call(timeoutMs, (call) => this.#post({ kind: 'probe', call, purpose }));
  }

  subscribe(request: Omit<SubscriptionRequest, 'window'>): Subscription {
    const call = this.#next++;
    const unsubscribe = () => {
      this.#forget(call);
      this.#postIfRunning({ kind: 'unsubscribe', call });
    };
    const subscription = new Subscription({ confirm: (bytes) => this.#postIfRunning({ kind: 'taken', call, bytes }), unsubscribe });
    if (this.#closed) {
      subscription.end(lostCall('the log is closed'));
      return subscription;
    }
    const stopTimer = this.#startTimer(confirmedWithinMs, () => {
      subscription.end(unansweredCall(`a subscription was not confirmed within ${confirmedWithinMs / 1000} s`));
      unsubscribe();
    });
    this.#subscriptions.set(call, { subscription, stopTimer });
    this.#post({ kind: 'subscribe', call, request: { ...request, window: subscriptionWindow } });
    return subscription;
  }

  /** Fails the pending calls as lost. The next call starts a new thread. */
  replace(): void {
    if (this.#closed) return;
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failAll('its client was replaced');
    void worker?.terminate();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failAll('the log is closed');
    await worker?.terminate();
  }

  /** The thread, started if needed. */
  #running(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(workerFile, { workerData: this.#options, resourceLimits: this.#resourceLimits });
    this.#worker = worker;
    this.#startTimers = new Set();
    let cause = 'its thread ended';
    worker.on('message', (messages: readonly FromClient[]) => {
      for (const message of messages) if (this.#worker === worker) this.#receive(message);
    });
    worker.on('error', (error) => (cause = `its thread died: ${error instanceof Error ? error.message : String(error)}`));
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#failAll(cause);
    });
    return worker;
  }

  #receive(message: FromClient): void {
    switch (message.kind) {
      case 'ready':
        for (const start of this.#startTimers ?? []) start();
        this.#startTimers = undefined;
        break;
      case 'answer': {
        this.#answeredAt = performance.now();
        const call = this.#calls.get(message.call);
        if (!call) break; // the answer came too late
        this.#calls.delete(message.call);
        call.stopTimer();
        if (message.failure) call.reject(new CallFailed(message.failure));
        else call.resolve(message.answer as never);
        break;
      }
      case 'confirmed':
        this.#subscriptions.get(message.call)?.stopTimer();
        break;
      case 'items':
        this.#subscriptions.get(message.call)?.subscription.push(message.batch.items, message.batch.bytes);
        break;
      case 'ended':
        this.#subscriptions.get(message.call)?.subscription.end(message.failure);
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
      const call = { resolve, reject, stopTimer: () => {} };
      const began = performance.now();
      const onTimeout = () => {
        // While it answers other calls, the server may just be busy.
        const left = Math.min(this.#answeredAt + timeoutMs, began + longestFactor * timeoutMs) - performance.now();
        if (left > 1) {
          call.stopTimer = this.#startTimer(left, onTimeout);
          return;
        }
        this.#calls.delete(number);
        reject(new CallFailed(unansweredCall(`it did not answer within ${timeoutMs / 1000} s`)));
      };
      call.stopTimer = this.#startTimer(timeoutMs, onTimeout);
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

  /** A new thread would have no use for this message. */
  #postIfRunning(message: ToClient): void {
    if (this.#worker) this.#post(message);
  }

  #forget(call: number): void {
    this.#subscriptions.get(call)?.stopTimer();
    this.#subscriptions.delete(call);
  }

  /** The timer runs from when the thread is ready. @returns a function that stops it */
  #startTimer(ms: number, onTimeout: () => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    const start = () => {
      timer = setTimeout(onTimeout, ms);
    };
    this.#running();
    const startTimers = this.#startTimers;
    if (startTimers) startTimers.add(start);
    else start();
    return () => {
      startTimers?.delete(start);
      clearTimeout(timer);
    };
  }

  #failAll(reason: string): void {
    const calls = Array.from(this.#calls.values());
    const subscriptions = Array.from(this.#subscriptions);
    this.#calls.clear();
    this.#outbox = [];
    for (const { stopTimer, reject } of calls) {
      stopTimer();
      reject(new CallFailed(lostCall(reason)));
    }
    for (const [call, { subscription }] of subscriptions) {
      this.#forget(call);
      subscription.end(lostCall(reason));
    }
  }
}
