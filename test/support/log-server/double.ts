// A double of a log server (EventStoreDB, KurrentDB) for tests: the real wire protocol and the real rules, kept in memory, in a thread of its own,
// and able to go away, hang, answer late, twice or not at all, drop subscriptions, and be a server of another kind.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ControlAnswer, ControlCall, Controls, DoubleOptions } from './double.worker.ts';

export class LogServerDouble {
  private readonly calls = new Map<number, PromiseWithResolvers<never>>();
  private next = 1;

  private readonly worker: Worker;
  private readonly secure: boolean;

  private constructor(worker: Worker, secure: boolean) {
    this.worker = worker;
    this.secure = secure;
    worker.on('message', ({ id, result, error }: ControlAnswer) => {
      const call = this.calls.get(id);
      this.calls.delete(id);
      if (error === undefined) call?.resolve(result as never);
      else call?.reject(new Error(error));
    });
  }

  port = 0;

  static async start(options: DoubleOptions = {}): Promise<LogServerDouble> {
    const worker = new Worker(new URL('./double.worker.ts', import.meta.url), { workerData: options, execArgv: [] });
    const failed = once(worker, 'error').then(([error]) => {
      throw error as Error;
    });
    const double = new LogServerDouble(worker, options.tls !== undefined);
    double.port = await Promise.race([double.call('port'), failed]);
    failed.catch(() => {});
    return double;
  }

  /** @param options such as `tlsCAFile=…` */
  url({ credentials = '', options = [] }: { credentials?: string; options?: readonly string[] } = {}): string {
    const query = [`tls=${this.secure}`, ...options].join('&');
    return `esdb://${credentials && `${credentials}@`}127.0.0.1:${this.port}?${query}`;
  }

  call<K extends keyof Controls>(name: K, ...argument: Parameters<Controls[K]>): Promise<Awaited<ReturnType<Controls[K]>>> {
    const id = this.next++;
    const call = Promise.withResolvers<never>();
    this.calls.set(id, call);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.worker.postMessage({ id, name, argument: argument[0] } satisfies ControlCall);
    return call.promise;
  }

  async stop(): Promise<void> {
    await this.call('close'); // its connections first: a thread that is ended amid them has been seen to hang
    await this.worker.terminate();
  }
}
