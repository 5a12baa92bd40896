// The sealer: records at intervals what the log holds, signed and chained, so that whoever has a seal can tell later whether the log is still what it
// was. A consumer like others, whose checkpoint is the newest seal. A thread reads and hashes; here it is signed and recorded.
// Guarantee: seals are in order, without holes or overlaps, however many processes run: the log takes each number once.
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { KeyObject } from 'node:crypto';
import type { BaseLogger } from 'pino';
import type { CommandExecutor } from '../../commands/command-executor.ts';
import { sealing, type SealingCommand, type Sealing, type SealingEvent } from '../../domain/sealing.ts';
import { LogUnavailable, type EventStore } from '../../event-store/event-store.ts';
import { eventIdOf, newId } from '../../event-store/id-generation.ts';
import type { ConsumerStatus } from '../../read-models/engine/consumer-runner.ts';
import { newPrivateKey, privateKeyOf, publicKeyOf } from '../../secrets/signing-keys.ts';
import type { Vault } from '../../secrets/vault.ts';
import type { FromSealer, SealerOptions, ToSealer } from './sealer.worker.ts';
import { asBefore, signSeal, type Segment } from './seal.ts';
import { sealingStream } from '../../domain/streams.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './sealer.worker.ts' : './sealer.worker.js', import.meta.url);

export type SealKey = { readonly publicKey: string; readonly privateKey: KeyObject };

/** The installation's key; at the first start it is made. @throws SecretUnreadable when another master key wraps it */
export const sealKey = async (ledgers: CommandExecutor, store: Pick<EventStore, 'readStream'>, vault: Vault): Promise<SealKey> => {
  const stored = async () => {
    const [first] = await store.readStream(sealingStream, { upTo: 0 });
    return first?.type === 'ledger.key-created' ? first.data : undefined;
  };
  let state = await stored();
  if (!state) {
    await createKey(ledgers, vault);
    state = await stored(); // that of another replica, if it was faster
  }
  if (!state) throw new Error('The log has no key that seals it, and took none.');
  const privateKey = vault.keyring(state.encryptionKey).open(state.privateKey);
  return { publicKey: state.publicKey, privateKey: privateKeyOf(privateKey) };
};

const createKey = async (ledgers: CommandExecutor, vault: Vault): Promise<void> => {
  const encryptionKey = vault.newKey();
  const key = newPrivateKey();
  const command = {
    type: 'CreateKey',
    publicKey: publicKeyOf(key),
    encryptionKey,
    privateKey: vault.keyring(encryptionKey).seal(key),
  } as const;
  await ledgers.execute<SealingCommand, SealingEvent, Sealing>(
    { stream: sealingStream, decider: sealing, command },
    { actor: 'system:setup', commandId: `${sealingStream}/key` },
  );
};

/** After the thread has died, another one is started. */
const restartMs = 5_000;

export class Sealer {
  private worker: Worker | undefined;
  private stopping = false;
  private last: ConsumerStatus = { name: 'sealer', version: 1, state: 'catching-up', position: undefined, lagEvents: 0, lagSeconds: 0 };

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly ledgers: CommandExecutor,
    private readonly key: SealKey,
    private readonly options: SealerOptions,
    private readonly log: Pick<BaseLogger, 'error'>,
  ) {}

  start(): void {
    const worker = new Worker(workerFile, { workerData: this.options, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
    this.worker = worker;
    worker.on('message', (message: FromSealer) => {
      if (message.kind === 'waiting') return this.tell(message);
      this.record(message.number, message.segment).then(
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
        (isOurs) => worker.postMessage({ isOurs } satisfies ToSealer),
        (error: unknown) => this.restart(worker, error),
      );
    });
    worker.on('error', (error) => this.restart(worker, error));
  }

  status(): ConsumerStatus {
    return this.last;
  }

  /** What was not sealed is sealed after the next start. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.worker?.terminate(); // it only reads
  }

  private restart(worker: Worker, error: unknown): void {
    if (this.stopping) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.log.error({ err: error }, 'The log could not be sealed; it is tried again.');
    this.last = { ...this.last, error: `The log could not be sealed: ${reason}` };
    void worker.terminate();
    setTimeout(() => {
      if (!this.stopping) this.start();
    }, restartMs).unref();
  }

  private tell({ events, position, oldest }: FromSealer & { kind: 'waiting' }): void {
    const lagSeconds = oldest === undefined ? 0 : Math.max(0, (Date.now() - Date.parse(oldest)) / 1000);
    this.last = { name: 'sealer', version: 1, state: 'live', position, lagEvents: events, lagSeconds };
  }

  private async record(number: number, segment: Segment): Promise<boolean> {
    const commandId = newId();
    for (;;) {
      try {
        return await recordSeal(this.store, this.ledgers, this.key, { number, segment, commandId });
      } catch (error) {
        if (!(error instanceof LogUnavailable) || this.stopping) throw error;
        await sleep(error.retryAfterSeconds * 1_000);
      }
    }
  }
}

/** Repeated with the same `commandId`, it is recorded once. @returns whether the log took it, and not that of another process */
export const recordSeal = async (
  store: Pick<EventStore, 'readStream'>,
  ledgers: CommandExecutor,
  { publicKey, privateKey }: SealKey,
  { number, segment, commandId }: { readonly number: number; readonly segment: Segment; readonly commandId: string },
): Promise<boolean> => {
  const [before, taken] = await store.readStream(sealingStream, { from: number - 1, upTo: number });
  if (taken) return taken.id === eventIdOf(commandId, sealingStream, number);
  const newest = before?.type === 'ledger.sealed' ? before.data : undefined;
  const seal = signSeal(segment, newest && asBefore(newest), publicKey, privateKey);
  const state: Sealing = { key: { publicKey, encryptionKey: '', privateKey: '' }, newest };
  const { events } = await ledgers.execute<SealingCommand, SealingEvent, Sealing>(
    { stream: sealingStream, decider: sealing, command: { type: 'Seal', seal }, expected: { state, revision: number - 1 } },
    { actor: 'system:sealer', commandId },
  );
  return events.length > 0;
};
