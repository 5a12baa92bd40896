// A double of a log server (EventStoreDB, KurrentDB) for tests: the real wire protocol and the real rules, kept in memory, in a process of its own,
// and able to go away, hang, answer late, twice or not at all, drop subscriptions, and be a server of another kind.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ControlAnswer, ControlCall, Controls, DoubleOptions } from './double.process.ts';

export class LogServerDouble {
  private readonly calls = new Map<number, PromiseWithResolvers<never>>();
  private next = 1;

  private readonly child: ChildProcess;
  private readonly secure: boolean;

  private constructor(child: ChildProcess, secure: boolean) {
    this.child = child;
    this.secure = secure;
    child.on('message', (answer) => {
      const { id, result, error } = answer as ControlAnswer; // what double.process.ts sends
      const call = this.calls.get(id);
      this.calls.delete(id);
      if (error === undefined) call?.resolve(result as never);
      else call?.reject(new Error(error));
    });
  }

  port = 0;

  static async start(options: DoubleOptions = {}): Promise<LogServerDouble> {
    const file = new URL('./double.process.ts', import.meta.url);
    const child = fork(file, [JSON.stringify(options)], { serialization: 'advanced', execArgv: [] });
    const failed = once(child, 'exit').then(() => {
      throw new Error('The double of a log server has ended.');
    });
    const double = new LogServerDouble(child, options.tls !== undefined);
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
    this.child.send({ id, name, argument: argument[0] } satisfies ControlCall);
    return call.promise;
  }

  /** A thread could not be ended so surely: terminated amid its server's connections, it has been seen to spin in Node's clean-up for ever. */
  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
