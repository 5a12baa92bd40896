// An export can be verified with only the public key: every change to it is found and named. A new log can be started from it.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExportedLog } from '../../src/proof/export/exported-log.ts';
import type { SealingKeyPair } from '../../src/proof/sealing/sealing-key.ts';
import { verifyExport } from '../../src/proof/export/verify-export.ts';
import { writeExport } from '../../src/proof/export/write-export.ts';
import { copyLog } from '../../src/event-store/copy-log.ts';
import { openStoredLogReader, openStoredLog } from '../../src/event-store/open-log.ts';
import { newPrivateKey, publicKeyOf } from '../../src/secrets/signing-keys.ts';
import { linesOf, SealedLog, silent, writeLines } from '../support/sealed-log.ts';

const { signal } = new AbortController();
const quiet = { progress: () => {}, signal };

const exportOf = async (log: SealedLog, name: string, key: SealingKeyPair | undefined, since?: string) => {
  const reader = await openStoredLogReader(log.address, silent);
  try {
    return await writeExport(reader, { file: log.file(name), since: since as never, key, publicKey: key?.publicKey, ...quiet });
  } finally {
    await reader.close();
  }
};

let log: SealedLog;
let key: SealingKeyPair;
let whole: string;
/** The key's event, 12 messages and seals 1 to 3 of 5 events each but the last; then 4 messages that only the export seals. */
beforeAll(async () => {
  log = new SealedLog();
  await log.messages(1, 4);
  await log.seal(5);
  await log.messages(5, 12);
  key = await log.seal(5);
  await log.messages(13, 16);
  whole = log.file('whole.gz');
  await exportOf(log, 'whole.gz', key);
});
afterAll(() => log[Symbol.asyncDispose]());

const verify = (file: string, publicKey = key.publicKey) => verifyExport(file, publicKey, quiet);

it('finds nothing wrong in an untouched export, up to its last event', async () => {
  const found = await verify(whole);
  expect(found).toMatchObject({ problem: undefined, afterSeal: 0 });
  expect(found?.sealed).toBe(found?.events);
  expect(found?.seals).toBeGreaterThanOrEqual(4);
});

describe('names what was done to the file:', () => {
  const isMessage = (n: number) => (line: string) => line.includes(`"clientId":"m${n}"`);
  const tampered = async (tamper: (lines: string[]) => string[], file = log.file('tampered.gz')) => {
    const lines = tamper(linesOf(whole));
    const events = lines.filter((line) => line.includes('"event":')).length;
    writeLines(file, [...lines.slice(0, -1), JSON.stringify({ end: { events } })]);
    return (await verify(file))?.problem;
  };
  const placeOf = (n: number) => {
    const { event } = JSON.parse(linesOf(whole).find(isMessage(n)) ?? '') as { event: { position: string; stream: string } };
    return { position: event.position, type: 'message.accepted', stream: event.stream };
  };

  // One under a full seal, one under a shorter seal, and one that the export sealed.
  it.each([3, 11, 16])('message %i was changed', async (n) => {
    const problem = await tampered((lines) => lines.map((line) => (isMessage(n)(line) ? line.replace(`"n":${n}`, '"n":99') : line)));
    expect(problem?.event).toEqual(placeOf(n));
    expect(problem?.sentence).toMatch(
      /^The event at position \d+ \(message.accepted in message-.*\) was changed: seal \d covers another event there/,
    );
  });

  it.each([3, 11, 16])('message %i was removed', async (n) => {
    const problem = await tampered((lines) => lines.filter((line) => !isMessage(n)(line)));
    expect(problem?.sentence).toMatch(new RegExp(`An event under seal \\d was removed after the event at position .*`));
    expect(problem?.sentence).toContain(placeOf(n - 1).stream);
  });

  it('an event was added', async () => {
    const problem = await tampered((lines) =>
      lines.flatMap((line) => (isMessage(6)(line) ? [line, line.replaceAll(/[0-9a-f]{8}-/g, '00000000-')] : [line])),
    );
    expect(problem?.event?.stream).toMatch(/^message-00000000-/);
    expect(problem?.sentence).toMatch(/was added/);
  });

  it('an event was added at the end, after all seals', async () => {
    const problem = await tampered((lines) => {
      const last = (lines.findLast(isMessage(16)) ?? '').replaceAll(/"position":"\d+"/g, '"position":"0000000000009999"');
      return [...lines.slice(0, -1), last, ...lines.slice(-1)];
    });
    expect(problem?.event?.position).toBe('0000000000009999');
    expect(problem?.sentence).toMatch(/is in no seal/);
  });

  it('an event was moved', async () => {
    const problem = await tampered((lines) => {
      const moved = lines.findIndex(isMessage(2));
      const [line = ''] = lines.splice(moved, 1);
      lines.splice(moved + 1, 0, line);
      return lines;
    });
    expect(problem?.event).toEqual(placeOf(3));
    expect(problem?.sentence).toMatch(/was moved/);
  });

  it('an event is not written as Hookledger writes events', async () => {
    const problem = await tampered((lines) =>
      lines.map((line) => (isMessage(7)(line) ? line.replace('"revision":0', '"revision": 0') : line)),
    );
    expect(problem?.sentence).toMatch(/was changed/);
  });

  it('a seal was changed, and one was removed', async () => {
    const isSeal = (number: number) => (line: string) => line.includes('"type":"ledger.sealed"') && line.includes(`"number":${number},`);
    const changed = await tampered((lines) => lines.map((line) => (isSeal(2)(line) ? line.replace(/"root":"./, '"root":"x') : line)));
    expect(changed?.sentence).toMatch(/The signature of seal 2 does not match/);
    const removed = await tampered((lines) => lines.filter((line) => !isSeal(2)(line)));
    expect(removed?.sentence).toMatch(/Seal 3 follows seal 1: a seal between them was removed/);
  });
});

describe('says in a sentence what is wrong:', () => {
  it('another key', async () => {
    const problem = (await verify(whole, publicKeyOf(newPrivateKey())))?.problem;
    expect(problem?.sentence).toMatch(/^Seal 1 was made with another key, whpk_/);
  });

  it('the file was cut off within the compressed bytes, or after a line', async () => {
    const cut = log.file('cut.gz');
    writeFileSync(cut, readFileSync(whole).subarray(0, 900));
    await expect(verify(cut)).rejects.toThrow(/was cut off: it ends after line \d+, without the last line of an export/);
    writeLines(cut, linesOf(whole).slice(0, -3));
    await expect(verify(cut)).rejects.toThrow(/was cut off/);
    await expect(ExportedLog.open(cut)).rejects.toThrow(/was cut off/);
  });

  it('no file, a folder, or a file of another kind', async () => {
    await expect(verify(log.file('nothing.gz'))).rejects.toThrow(/^There is no file/);
    await expect(verify(log.folder)).rejects.toThrow(/is a folder/);
    writeFileSync(log.file('text.gz'), 'not an export');
    await expect(verify(log.file('text.gz'))).rejects.toThrow(/is not a Hookledger export/);
    writeLines(log.file('json.gz'), ['{"a":1}']);
    await expect(verify(log.file('json.gz'))).rejects.toThrow(/is not a Hookledger export/);
  });

  it('the file exists already, or its folder does not', async () => {
    await expect(exportOf(log, 'whole.gz', key)).rejects.toThrow(/exists already/);
    await expect(exportOf(log, 'no-folder/x.gz', key)).rejects.toThrow(/can't be written \(ENOENT\)/);
  });
});

it('reports unsealed events if the export was made without the key', async () => {
  expect(await exportOf(log, 'keyless.gz', undefined)).toMatchObject({ unsealed: 5 });
  expect((await verify(log.file('keyless.gz')))?.problem?.sentence).toMatch(
    /is in no seal: it was added, or the export was made without the key/,
  );
});

it('a part starts after the last event that was sealed up to there, and is verified from there on', async () => {
  expect(await exportOf(log, 'part.gz', key, '0000000000000007')).toMatchObject({ after: '0000000000000005' });
  expect(await verify(log.file('part.gz'))).toMatchObject({ problem: undefined, afterSeal: 1 });
  await expect(ExportedLog.open(log.file('part.gz'))).rejects.toThrow(/is part of a log/);
});

it('starts a new log, which is sealed further, and verified with the same key', async () => {
  await using imported = new SealedLog();
  imported.masterKey.set(log.masterKey);
  const from = await ExportedLog.open(whole);
  const into = async () => {
    const to = await openStoredLog(imported.address, { log: silent, create: true });
    try {
      return await copyLog(from, to, quiet);
    } finally {
      await to.close();
    }
  };
  const first = await into();
  expect(first?.copied).toBe((await verify(whole))?.events);
  expect(await into()).toEqual({ ...first, copied: 0 });
  await imported.messages(17, 20);
  expect(await imported.seal(5)).toMatchObject({ publicKey: key.publicKey });
  await exportOf(imported, 'again.gz', key);
  expect(await verify(imported.file('again.gz'))).toMatchObject({ problem: undefined });
  // The second export contains the imported events exactly as the first one wrote them.
  const events = linesOf(whole).filter((line) => line.startsWith('{"event":'));
  const copies = linesOf(imported.file('again.gz')).map((line) => line.replace(/^\{"copies":\[[^\]]*\],/, '{'));
  expect(copies).toEqual(expect.arrayContaining(events));
});
