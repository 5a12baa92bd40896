// Matches contents in a thread of its own, with a reader of the log of its own: neither reading nor matching keeps the main thread from others.
// The thread starts with the first question. Guarantee: organizations take turns, and each question is bounded.
import { Worker } from 'node:worker_threads';
import type { Position } from '../../domain/ids.ts';
import { LogUnavailable } from '../../event-store/event-store.ts';
import type { LogAddress } from '../../event-store/open-log.ts';
import { Turns } from '../../turns.ts';
import { ReadBudget } from '../engine/read-budget.ts';
import type { ContentsWorkerOptions, FromContents, ToContents } from './contents.worker.ts';
import type { ContentAnswer, ContentMatcher, ContentQuestion } from './match-contents.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './contents.worker.ts' : './contents.worker.js', import.meta.url);

export class ContentsThread implements ContentMatcher {
  private worker: Worker | undefined;
  private readonly waiting: PromiseWithResolvers<ContentAnswer>[] = [];
  private readonly turns = new Turns(1);
  private isClosing = false;

  constructor(
    private readonly address: LogAddress,
    private readonly tip: () => Promise<Position | undefined>,
    private readonly logLevel: string,
  ) {}

  match(question: ContentQuestion): Promise<ContentAnswer> {
    return this.turns.run(ReadBudget.currentTurn, () => this.ask(question));
  }

  private async ask(question: ContentQuestion): Promise<ContentAnswer> {
    const tip = await this.tip();
    if (this.isClosing) throw new LogUnavailable('The server is stopping.');
    const worker = (this.worker ??= this.start());
    const answer = Promise.withResolvers<ContentAnswer>();
    this.waiting.push(answer);
    worker.postMessage({ question, tip } satisfies ToContents); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread has none
    return answer.promise;
  }

  async close(): Promise<void> {
    this.isClosing = true;
    const { worker } = this;
    if (!worker) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage('stop' satisfies ToContents); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread has none
    await ended;
  }

  private start(): Worker {
    const worker = new Worker(workerFile, {
      workerData: { address: this.address, logLevel: this.logLevel } satisfies ContentsWorkerOptions,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    worker.unref();
    worker.on('message', (message: FromContents) => {
      const answer = this.waiting.shift();
      if (!('failed' in message)) answer?.resolve(message);
      else answer?.reject(message.isUnavailable ? new LogUnavailable(message.failed) : new Error(message.failed));
    });
    const end = (error: Error) => {
      this.worker = undefined; // the next question starts another one
      for (const answer of this.waiting.splice(0)) answer.reject(error);
    };
    worker.on('error', (error) => end(new Error(`The thread that searches contents has died: ${error.message}`, { cause: error })));
    worker.on('exit', () => end(new LogUnavailable('The server is stopping.')));
    return worker;
  }
}
