// Several processes seal one log on a server: the seals are in order, without gaps or overlaps, whichever process makes them, and whenever one stops.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SegmentCollector } from '../../src/proof/sealing/segment-collector.ts';
import { recordSeal, Sealer } from '../../src/proof/sealing/sealer.ts';
import { openSealingKey } from '../../src/proof/sealing/sealing-key.ts';
import { countSeals, readSeal } from '../../src/proof/sealing/stored-seals.ts';
import { verifyLog } from '../../src/proof/checking/verify-log.ts';
import { CommandExecutor } from '../../src/commands/command-executor.ts';
import { messageIdOf, newId } from '../../src/event-store/id-generation.ts';
import { openLog, openStoredLogReader, type LogAddress } from '../../src/event-store/open-log.ts';
import { Vault } from '../../src/secrets/vault.ts';
import { eventually } from '../support/client.ts';
import { serverLogKinds, type LogUnderTest } from '../support/logs.ts';
import { organizationId } from '../support/samples.ts';
import { SealedLog, silent } from '../support/sealed-log.ts';
import { messageStream } from '../../src/domain/streams.ts';

describe.each(serverLogKinds)('on $name,', ({ make }) => {
  let server: LogUnderTest;
  let log: SealedLog;
  let address: LogAddress;
  const opened: { close(): Promise<unknown> }[] = [];
  beforeAll(async () => {
    server = await make();
    address = server.address('');
    log = new SealedLog(address);
  });
  afterAll(async () => {
    for (const each of opened) await each.close();
    await log[Symbol.asyncDispose]();
    await server.discard();
  });

  /** What each process opens for itself. */
  const partsOfProcess = async () => {
    const { store } = await openLog(address, silent);
    opened.push(store);
    const executor = new CommandExecutor(store);
    return { store, executor, key: await openSealingKey(executor, store, new Vault(log.masterKey)) };
  };

  /** Verifies the whole log: only the events after the newest seal are unsealed. */
  const check = async () => {
    const { results, events, unsealed } = await verifyLog(address, { since: undefined, threads: 0, progress: () => {}, log: silent });
    const wrong = [results.seals, results.revisions, results.states, results.decodes].flatMap(({ first }) => first ?? []);
    expect(wrong).toEqual([]);
    const reader = await openStoredLogReader(address, silent);
    const count = await countSeals(reader);
    const newest = await readSeal(reader, count);
    await reader.close();
    expect(results.seals.checked).toBe(count);
    expect(newest?.seal.total).toBe(events - unsealed);
    return { count, unsealed };
  };

  it('records one of two seals made at the same moment, and the slower process takes over after a while', { timeout: 30_000 }, async () => {
    let now = 0;
    const process = async () => {
      const { store, executor, key } = await partsOfProcess();
      const reader = await openStoredLogReader(address, silent);
      opened.push(reader);
      const recorded: number[] = [];
      const options = { mostEvents: 10, everyMs: 1_000, isOnlySealer: false, now: () => now };
      const sealing = new SegmentCollector(reader, options, async (number, segment) => {
        const isOurs = await recordSeal(store, executor, key, { number, segment, commandId: newId() });
        if (isOurs) recorded.push(number);
        return isOurs;
      });
      await sealing.start();
      return { sealing, recorded };
    };
    const [first, second] = [await process(), await process()];
    await log.messages(1, 25);
    // Both have read the same events, and try to seal them.
    await Promise.all([first.sealing.collect(), second.sealing.collect()]);
    const [ahead, behind] = first.recorded.length > 0 ? [first, second] : [second, first];
    expect([ahead.recorded, behind.recorded]).toEqual([[1, 2], []]);

    // The slower one waits until the other has had its time, and then seals the rest.
    await behind.sealing.collect();
    await log.messages(26, 40);
    now = 2_999;
    await behind.sealing.collect();
    expect(behind.recorded).toEqual([]);
    now = 3_000;
    await behind.sealing.collect();
    expect(behind.recorded).toEqual([3, 4]);

    // The events that the first one held are sealed by now: it continues behind them.
    await log.messages(41, 55);
    await ahead.sealing.collect();
    expect(ahead.recorded).toEqual([1, 2]);
    now = 6_000;
    await ahead.sealing.collect();
    expect(ahead.recorded).toEqual([1, 2, 5, 6]);
    expect((await check()).count).toBe(6);
  });

  it('seals everything in worker threads, of which each is stopped in turn', { timeout: 30_000 }, async () => {
    const start = async () => {
      const { store, executor, key } = await partsOfProcess();
      const sealer = new Sealer(store, executor, key, { log: address, mostEvents: 20, everyMs: 100, logLevel: 'silent' }, silent);
      sealer.start();
      return sealer;
    };
    const reader = await openStoredLogReader(address, silent);
    opened.push(reader);
    let sent = 100;
    const sendMore = async () => {
      await log.messages(sent + 1, (sent += 30));
      const last = await reader.at(messageStream(messageIdOf(organizationId, `m${sent}`)), 0);
      return last?.position ?? '';
    };
    const sealedBy = (sealers: readonly Sealer[], end: string) =>
      eventually(
        () => sealers.map((sealer) => sealer.status()),
        (all) => all.some(({ position = '', error }) => error === undefined && position >= end),
      );
    const [first, second] = [await start(), await start()];
    await sealedBy([first, second], await sendMore());
    await first.stop();
    await sealedBy([second], await sendMore());
    const third = await start();
    await second.stop();
    await sealedBy([third], await sendMore());
    await third.stop();
    const { unsealed } = await check();
    expect(unsealed).toBeLessThan(3); // the newest seals themselves
  });
});
