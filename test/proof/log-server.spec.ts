// Verification on a log server: a copied log is verified, sealed further, exported and imported, and tampering is found.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ExportedLog } from '../../src/proof/export/exported-log.ts';
import { verifyExport } from '../../src/proof/export/verify-export.ts';
import { verifyLog } from '../../src/proof/checking/verify-log.ts';
import { writeExport } from '../../src/proof/export/write-export.ts';
import { copyLog } from '../../src/event-store/copy-log.ts';
import { openStoredLogReader, openStoredLog, type LogAddress } from '../../src/event-store/open-log.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { linesOf, SealedLog, silent, writeLines } from '../support/sealed-log.ts';

const quiet = { progress: () => {}, signal: new AbortController().signal };
const copy = async (from: Awaited<ReturnType<typeof openStoredLogReader>>, address: LogAddress) => {
  const to = await openStoredLog(address, { log: silent, create: true });
  try {
    return await copyLog(from, to, quiet);
  } finally {
    await Promise.all([from.close(), to.close()]);
  }
};
const wrongIn = async (address: LogAddress) => {
  const { results, counts, unsealedSince } = await verifyLog(address, { since: undefined, threads: 0, progress: () => {}, log: silent });
  const wrong = Object.entries(results).flatMap(([name, { wrong: count, first }]) => (count > 0 ? [`${name}: ${first?.sentence}`] : []));
  return { wrong, seals: results.seals.checked, routed: counts.routed, unsealedSince };
};

let double: LogServerDouble;
beforeAll(async () => {
  double = await LogServerDouble.start();
});
afterAll(() => double.stop());

it('verifies, seals, exports and imports a log on a server like the embedded one', { timeout: 60_000 }, async () => {
  await using embedded = new SealedLog();
  await embedded.fill(60);
  await embedded.seal(80);
  await embedded.messages(501, 503); // not sealed yet
  const { unsealedSince } = await wrongIn(embedded.address);
  expect(unsealedSince).toBeDefined();
  const address: LogAddress = { kind: 'eventstoredb', url: double.url(), prefix: 'audited_' };
  await copy(await openStoredLogReader(embedded.address, silent), address);
  expect(await wrongIn(address)).toMatchObject({ unsealedSince });
  await using served = new SealedLog(address);
  served.masterKey.set(embedded.masterKey);
  await served.messages(1_001, 1_020);
  const key = await served.seal(15);

  const before = await wrongIn(address);
  // The test wrote these messages itself, routed nowhere.
  expect(before.wrong.filter((sentence) => !sentence.startsWith('routing'))).toEqual([]);
  expect(before.seals).toBeGreaterThan(4);
  expect(before.routed).toBe(151);

  const log = await openStoredLogReader(address, silent);
  await writeExport(log, { file: served.file('log.gz'), since: undefined, key, publicKey: key.publicKey, ...quiet });
  await log.close();
  expect(await verifyExport(served.file('log.gz'), key.publicKey, quiet)).toMatchObject({ problem: undefined });
  writeLines(
    served.file('tampered.gz'),
    linesOf(served.file('log.gz')).map((line) => line.replace('"data":{"n":1011}', '"data":{"n":0}')),
  );
  const tampered = await verifyExport(served.file('tampered.gz'), key.publicKey, quiet);
  expect(tampered?.problem?.sentence).toMatch(/\(message.accepted in message-.*\) was changed/);

  await using imported = new SealedLog();
  await copy(await ExportedLog.open(served.file('log.gz')), imported.address);
  const after = await wrongIn(imported.address);
  expect(after).toMatchObject({ wrong: before.wrong, seals: before.seals, routed: 151 });

  // Deleting the seals' stream on the server does not hide that there were seals.
  await double.call('softDelete', 'audited_ledger-default');
  const deleted = await wrongIn(address);
  expect(deleted.wrong).toContain("seals: It can't be read from its own stream: the stream ledger-default was deleted, cut or changed.");
});
