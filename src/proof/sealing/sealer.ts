// Seals the log at intervals: records a signed, chained hash of its new events, which proves later that the log still holds them unchanged.
// A worker thread reads and hashes the events; this thread signs and records the seals. Progress is the newest seal in the log.
// Guarantee: seals are in order, without gaps or overlaps, however many processes seal: the log accepts each number once.
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { BaseLogger } from 'pino';
import type { CommandExecutor } from '../../commands/command-executor.ts';
import { sealing, type Sealing, type SealingCommand, type SealingEvent } from '../../domain/sealing.ts';
import { sealingStream } from '../../domain/streams.ts';
import { LogUnavailable, type EventStore } from '../../event-store/event-store.ts';
import { eventIdOf, newId } from '../../event-store/id-generation.ts';
import type { ConsumerStatus } from '../../read-models/engine/consumer-runner.ts';
import { chainLinkOf, signSeal, type Segment } from './seal.ts';
import type { FromSealer, SealerOptions, ToSealer } from './sealer.worker.ts';
import type { SealingKeyPair } from './sealing-key.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './sealer.worker.ts' : './sealer.worker.js', import.meta.url);

/** How long after a failure the thread is started again. */
const restartMs = 5_000;

export class Sealer {
  private worker: Worker | undefined;
  private stopping = false;
  private lastStatus: ConsumerStatus = {
    name: 'sealer',
    version: 1,
    state: 'catching-up',
    position: undefined,
    lagEvents: 0,
    lagSeconds: 0,
  };

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly executor: CommandExecutor,
    private readonly key: SealingKeyPair,
    private readonly options: SealerOptions,
    private readonly log: Pick<BaseLogger, 'error'>,
  ) {}

  start(): void {
    const worker = new Worker(workerFile, { workerData: this.options, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
    this.worker = worker;
    worker.on('message', (message: FromSealer) => {
      if (message.kind === 'backlog') return this.updateStatus(message);
      this.record(message.number, message.segment).then(
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
        (isOurs) => worker.postMessage({ isOurs } satisfies ToSealer),
        (error: unknown) => this.restart(worker, error),
      );
    });
    worker.on('error', (error) => this.restart(worker, error));
  }

  status(): ConsumerStatus {
    return this.lastStatus;
  }

  /** The next start seals the remaining events. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.worker?.terminate(); // safe at any moment: the thread only reads
  }

  private restart(worker: Worker, error: unknown): void {
    if (this.stopping) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.log.error({ err: error }, `The log could not be sealed. Retrying in ${restartMs / 1_000} s.`);
    this.lastStatus = { ...this.lastStatus, error: `The log could not be sealed: ${reason}` };
    void worker.terminate();
    setTimeout(() => {
      if (!this.stopping) this.start();
    }, restartMs).unref();
  }

  private updateStatus({ events, position, oldest }: FromSealer & { kind: 'backlog' }): void {
    const lagSeconds = oldest === undefined ? 0 : Math.max(0, (Date.now() - Date.parse(oldest)) / 1000);
    this.lastStatus = { name: 'sealer', version: 1, state: 'live', position, lagEvents: events, lagSeconds };
  }

  private async record(number: number, segment: Segment): Promise<boolean> {
    const commandId = newId();
    for (;;) {
      try {
        return await recordSeal(this.store, this.executor, this.key, { number, segment, commandId });
      } catch (error) {
        if (!(error instanceof LogUnavailable) || this.stopping) throw error;
        await sleep(error.retryAfterSeconds * 1_000);
      }
    }
  }
}

/**
 * Signs a segment and records its seal. A call repeated with the same `commandId` records it once.
 * @returns false if another process had recorded a seal of this number
 */
export const recordSeal = async (
  store: Pick<EventStore, 'readStream'>,
  executor: CommandExecutor,
  { publicKey, privateKey }: SealingKeyPair,
  { number, segment, commandId }: { readonly number: number; readonly segment: Segment; readonly commandId: string },
): Promise<boolean> => {
  const [previous, existing] = await store.readStream(sealingStream, { from: number - 1, upTo: number });
  if (existing) return existing.id === eventIdOf(commandId, sealingStream, number);
  const newest = previous?.type === 'ledger.sealed' ? previous.data : undefined;
  const seal = signSeal(segment, newest && chainLinkOf(newest), publicKey, privateKey);
  const state: Sealing = { key: { publicKey, encryptionKey: '', privateKey: '' }, newest };
  const { events } = await executor.execute<SealingCommand, SealingEvent, Sealing>(
    { stream: sealingStream, decider: sealing, command: { type: 'Seal', seal }, expected: { state, revision: number - 1 } },
    { actor: 'system:sealer', commandId },
  );
  return events.length > 0;
};
