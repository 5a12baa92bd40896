// A sealed log in a folder of its own, for tests of what seals prove; and an export's lines, to tamper with.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { SegmentCollector } from '../../src/proof/sealing/segment-collector.ts';
import { recordSeal } from '../../src/proof/sealing/sealer.ts';
import { openSealingKey, type SealingKeyPair } from '../../src/proof/sealing/sealing-key.ts';
import { CommandExecutor } from '../../src/commands/command-executor.ts';
import type { DomainEvent } from '../../src/domain/catalog.ts';
import { messageIdOf, newId } from '../../src/event-store/id-generation.ts';
import { openLog, openStoredLogReader, openStoredLog, type LogAddress } from '../../src/event-store/open-log.ts';
import { Vault } from '../../src/secrets/vault.ts';
import { MadeLog } from './made-log.ts';
import { accepted, organizationId } from './samples.ts';
import { silent } from './silent.ts';
import { messageStream } from '../../src/domain/streams.ts';

export { silent };

export class SealedLog {
  readonly folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
  readonly masterKey = randomBytes(32);

  /** @param elsewhere where the log is; by default it is in the folder */
  constructor(private readonly elsewhere?: LogAddress) {}

  get address(): LogAddress {
    return this.elsewhere ?? { kind: 'embedded', directory: this.folder };
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** Records messages with the publisher's ids `m<from>` to `m<to>`. */
  async messages(from: number, to: number): Promise<void> {
    await this.open(async (store) => {
      for (let n = from; n <= to; n++) {
        const id = messageIdOf(organizationId, `m${n}`);
        const event: DomainEvent = accepted([], { clientId: `m${n}`, data: { n } });
        const stored = { ...event, id: newId(), metadata: { actor: 'apikey:test' } };
        await store.append([{ stream: messageStream(id), expectedRevision: 'no-stream', events: [stored] }]);
      }
    });
  }

  /** Fills an empty log with what the service would have written for so many messages. */
  async fill(messages: number): Promise<void> {
    const log = await openStoredLog(this.address, { log: silent, create: true });
    for (const events of new MadeLog().make(messages)) await log.append(events);
    await log.close();
  }

  /** Seals all events. */
  async seal(mostEvents = 1_000): Promise<SealingKeyPair> {
    return this.open(async (store) => {
      const executor = new CommandExecutor(store);
      const key = await openSealingKey(executor, store, new Vault(this.masterKey));
      const reader = await openStoredLogReader(this.address, silent);
      const options = { mostEvents, everyMs: 0, isOnlySealer: true, now: Date.now };
      const sealing = new SegmentCollector(reader, options, (number, segment) =>
        recordSeal(store, executor, key, { number, segment, commandId: newId() }),
      );
      await sealing.start();
      await sealing.collect();
      await reader.close();
      return key;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.folder, { recursive: true });
  }

  private async open<T>(work: (store: Awaited<ReturnType<typeof openLog>>['store']) => Promise<T>): Promise<T> {
    const { store } = await openLog(this.address, silent);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }
}

export const linesOf = (file: string): string[] => gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');
export const writeLines = (file: string, lines: readonly string[]): void => writeFileSync(file, gzipSync(`${lines.join('\n')}\n`));
