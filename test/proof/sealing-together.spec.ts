// Several processes seal one log on a server: the seals are in order, without a hole or an overlap, whoever makes them and whenever one stops.
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LogSealing } from '../../src/proof/sealing/log-sealing.ts';
import { recordSeal, sealKey, type Sealer } from '../../src/proof/sealing/sealer.ts';
import { sealCountIn, sealIn } from '../../src/proof/sealing/seals-in-log.ts';
import { verifyLog } from '../../src/proof/checking/verify-log.ts';
import { CommandExecutor } from '../../src/commands/command-executor.ts';
import { messageIdOf, newId } from '../../src/event-store/id-generation.ts';
import { openLog, openStoredLogReader, type LogAddress } from '../../src/event-store/open-log.ts';
import { Vault } from '../../src/secrets/vault.ts';
import { eventually } from '../support/client.ts';
import { logKinds, type LogUnderTest } from '../support/logs.ts';
import { organizationId } from '../support/samples.ts';
import { SealedLog, silent } from '../support/sealed-log.ts';
import { builtServer } from '../support/server.ts';
import { messageStream } from '../../src/domain/streams.ts';

let server: LogUnderTest;
let log: SealedLog;
let address: LogAddress;
const opened: { close(): Promise<unknown> }[] = [];
beforeAll(async () => {
  server = (await logKinds.find(({ name }) => name === 'a log server')?.make()) as LogUnderTest; // it is one of them
  address = server.address('');
  log = new SealedLog(address);
});
afterAll(async () => {
  for (const each of opened) await each.close();
  await log[Symbol.asyncDispose]();
  await server.discard();
});

/** As each process has them. */
const partsOfProcess = async () => {
  const { store } = await openLog(address, silent);
  opened.push(store);
  const executor = new CommandExecutor(store);
  return { store, executor, key: await sealKey(executor, store, new Vault(log.masterKey)) };
};

/** Of the whole log: all that no seal covers is what came after the newest one. */
const check = async () => {
  const { results, events, unsealed } = await verifyLog(address, { since: undefined, threads: 0, progress: () => {}, log: silent });
  const wrong = [results.seals, results.revisions, results.states, results.decodes].flatMap(({ first }) => first ?? []);
  expect(wrong).toEqual([]);
  const reader = await openStoredLogReader(address, silent);
  const count = await sealCountIn(reader);
  const newest = await sealIn(reader, count);
  await reader.close();
  expect(results.seals.checked).toBe(count);
  expect(newest?.seal.total).toBe(events - unsealed);
  return { count, unsealed };
};

it('at the same moment, one is taken, and the other goes on from there when its patience is over', { timeout: 30_000 }, async () => {
  let now = 0;
  const process = async () => {
    const { store, executor, key } = await partsOfProcess();
    const reader = await openStoredLogReader(address, silent);
    opened.push(reader);
    const recorded: number[] = [];
    const options = { mostEvents: 10, everyMs: 1_000, isAlone: false, now: () => now };
    const sealing = new LogSealing(reader, options, async (number, segment) => {
      const isOurs = await recordSeal(store, executor, key, { number, segment, commandId: newId() });
      if (isOurs) recorded.push(number);
      return isOurs;
    });
    await sealing.start();
    return { sealing, recorded };
  };
  const [first, second] = [await process(), await process()];
  await log.messages(1, 25);
  // Both have read the same, and both want to seal it.
  await Promise.all([first.sealing.look(), second.sealing.look()]);
  const [ahead, behind] = first.recorded.length > 0 ? [first, second] : [second, first];
  expect([ahead.recorded, behind.recorded]).toEqual([[1, 2], []]);

  // The one that was second waits for as long as the other may take, and seals what is left then.
  await behind.sealing.look();
  await log.messages(26, 40);
  now = 2_999;
  await behind.sealing.look();
  expect(behind.recorded).toEqual([]);
  now = 3_000;
  await behind.sealing.look();
  expect(behind.recorded).toEqual([3, 4]);

  // What the first had in hand is sealed by then: it goes on behind that, when it comes back.
  await log.messages(41, 55);
  await ahead.sealing.look();
  expect(ahead.recorded).toEqual([1, 2]);
  now = 6_000;
  await ahead.sealing.look();
  expect(ahead.recorded).toEqual([1, 2, 5, 6]);
  expect((await check()).count).toBe(6);
});

it('in threads of their own, each stopped in turn while messages come in, all is sealed', { timeout: 30_000 }, async () => {
  // A thread runs what was built.
  const built = (await import(join(dirname(builtServer), 'proof/sealing/sealer.js'))) as typeof import('../../src/proof/sealing/sealer.ts');
  const start = async () => {
    const { store, executor, key } = await partsOfProcess();
    const sealer = new built.Sealer(store, executor, key, { log: address, mostEvents: 20, everyMs: 100, logLevel: 'silent' }, silent);
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
