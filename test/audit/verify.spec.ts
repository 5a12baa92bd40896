// Verifying a log finds whatever was done to it: each kind of damage is done to a copy of one log, and is named.
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckName } from '../../src/audit/findings.ts';
import { verifyLog } from '../../src/audit/verify-log.ts';
import type { Position } from '../../src/domain/ids.ts';
import { copyLog } from '../../src/event-store/copy-log.ts';
import { openStoredLog } from '../../src/event-store/open-log.ts';
import { endpoints } from '../support/made-log.ts';
import { SealedLog, silent } from '../support/sealed-log.ts';

const options = { since: undefined, threads: 0, progress: () => {}, log: silent };

let log: SealedLog;
let copy: string;
beforeAll(async () => {
  log = new SealedLog();
  await log.fill(300);
  await log.seal(400);
  copy = log.file('damaged');
});
afterAll(() => log[Symbol.asyncDispose]());

const offencesIn = (results: Awaited<ReturnType<typeof verifyLog>>['results']) =>
  Object.entries(results).flatMap(([name, { wrong }]) => (wrong > 0 ? [name] : []));

it('what the service wrote is as it should be, and every kind of check had something to check', async () => {
  const verified = await verifyLog(log.address, options);
  expect(verified.results).toMatchObject(
    Object.fromEntries(
      ['decodes', 'revisions', 'ids', 'routing', 'states', 'conservation', 'seals'].map((name) => [name, { wrong: 0, first: undefined }]),
    ),
  );
  expect(verified.results.seals.checked).toBeGreaterThan(2);
  expect(verified.results.routing.checked).toBe(300);
  expect(verified.counts).toEqual({ routed: 751, succeeded: 748, failed: 0, cancelled: 3, open: 0 });
  expect(verified.events).toBe(verified.results.decodes.checked);
});

it('in the middle of the log, what was before is looked up where it is needed', async () => {
  for (const since of [20, 333, 700].map((sequence) => String(sequence).padStart(16, '0') as Position)) {
    const { results, events } = await verifyLog(log.address, { ...options, since });
    expect(offencesIn(results)).toEqual([]);
    expect(events).toBeGreaterThan(100);
  }
});

it('a copy of the log is as it should be, too, and so is a copy of that', async () => {
  let from = log.address;
  for (const name of ['first', 'second']) {
    const to = { kind: 'embedded', directory: log.file(name) } as const;
    const [source, target] = [
      await openStoredLog(from, { log: silent, create: false }),
      await openStoredLog(to, { log: silent, create: true }),
    ];
    await copyLog(source, target, { progress: () => {}, signal: new AbortController().signal });
    await Promise.all([source.close(), target.close()]);
    const { results, counts } = await verifyLog(to, options);
    expect(offencesIn(results)).toEqual([]);
    expect(results.seals.checked).toBeGreaterThan(2);
    expect(counts.routed).toBe(751);
    from = to;
  }
});

describe('damage is named:', () => {
  type Row = { sequence: number; stream: string; revision: number; id: string; type: string; data: string };
  const damage = async (work: (db: DatabaseSync, find: (where: string, ...values: SQLInputValue[]) => Row) => number) => {
    rmSync(copy, { recursive: true, force: true });
    mkdirSync(copy);
    copyFileSync(log.file('log.db'), join(copy, 'log.db'));
    const db = new DatabaseSync(join(copy, 'log.db'));
    const find = (where: string, ...values: SQLInputValue[]) =>
      db.prepare(`SELECT * FROM events WHERE ${where} ORDER BY sequence LIMIT 1`).get(...values) as unknown as Row;
    const sequence = work(db, find);
    db.close();
    const { results } = await verifyLog({ kind: 'embedded', directory: copy }, options);
    return { results, position: String(sequence).padStart(16, '0') };
  };
  const change = (db: DatabaseSync, { sequence }: Row, column: 'data' | 'id' | 'stream', value: string) => {
    db.prepare(`UPDATE events SET ${column} = ? WHERE sequence = ?`).run(value, sequence);
    return sequence;
  };
  /** The first offence of that check is at the event that was damaged. The seals name it as well, unless the check says otherwise. */
  const expectNamed = async (check: CheckName, sentence: RegExp, work: Parameters<typeof damage>[0]) => {
    const { results, position } = await damage(work);
    expect(results[check].first).toMatchObject({ position });
    expect(results[check].first?.sentence).toMatch(sentence);
    expect(results.seals.wrong).toBeGreaterThan(0);
    return results;
  };
  const message = "type = 'message.accepted' AND sequence > 300";
  const failed = "type = 'delivery.attempt-failed' AND sequence > 300";

  it('an event that is not JSON, one of no known kind, and one that lacks a field', async () => {
    await expectNamed('decodes', /not JSON/, (db, find) => change(db, find(message), 'data', '{'));
    await expectNamed('decodes', /knows no such event/, (db, find) => {
      const row = find(message);
      db.prepare("UPDATE events SET type = 'message.lost' WHERE sequence = ?").run(row.sequence);
      return row.sequence;
    });
    await expectNamed('decodes', /data\.attempt/, (db, find) => {
      const row = find(failed);
      return change(db, row, 'data', row.data.replace('"attempt":1,', ''));
    });
  });

  it('an event that is missing from a stream, and one that was the last of its stream', async () => {
    const results = await expectNamed('revisions', /position \d+/, (db, find) => {
      const row = find("revision = 1 AND stream LIKE 'delivery-%' AND sequence > 300");
      db.prepare('DELETE FROM events WHERE sequence = ?').run(row.sequence);
      return row.sequence + 1;
    });
    expect(results.seals.first?.sentence).toMatch(/an event was removed after the event at position/);
    await expectNamed('revisions', /revision 0 of its stream is missing/, (db, find) => {
      const row = find("revision = 0 AND stream LIKE 'delivery-%' AND type LIKE '%failed' AND sequence > 300");
      db.prepare('DELETE FROM events WHERE sequence = ?').run(row.sequence);
      db.exec(
        `UPDATE events SET sequence = -sequence WHERE sequence > ${row.sequence}; UPDATE events SET sequence = -sequence - 1 WHERE sequence < 0`,
      );
      return row.sequence;
    });
  });

  it('ids that do not follow: of an attempt, of a message, of a batch', async () => {
    await expectNamed('ids', /does not|is not the one that follows from its cause/, (db, find) =>
      change(db, find(failed), 'id', 'c0ffee00-0000-5000-8000-000000000000'),
    );
    await expectNamed('ids', /The message's id .* is not the one that follows from "another"/, (db, find) => {
      const row = find(message);
      return change(db, row, 'data', row.data.replace(/"clientId":"m\d+"/, '"clientId":"another"'));
    });
    await expectNamed('ids', /its endpoint and number 9999/, (db, find) => {
      const row = find("type = 'batch.closed' AND sequence > 300");
      return change(db, row, 'data', row.data.replace(/"number":\d+/, '"number":9999'));
    });
  });

  it('a message that went to an endpoint more, to one less, and one that was routed later than it was recorded', async () => {
    const reroute = (from: RegExp | string, to: string) => (db: DatabaseSync, find: (where: string) => Row) => {
      const row = find(message);
      const data = row.data.replace(from, to);
      expect(data).not.toBe(row.data);
      return change(db, row, 'data', data);
    };
    const added = `"destinations":[{"endpointId":"${endpoints.disabled}"},`;
    await expectNamed('routing', /It went to .*; by the configuration at \d+ it goes to/, reroute('"destinations":[', added));
    await expectNamed(
      'routing',
      /It skipped nobody; by the configuration at \d+ it skips/,
      reroute(/"skipped":\["[^"]*"\]/, '"skipped":[]'),
    );
    await expectNamed('routing', /which is not before its own/, reroute(/"routedAt":"\d+"/, '"routedAt":"0000000000009999"'));
  });

  it('a delivery that nobody routed, a message in two batches, and one in a batch of an endpoint that it was not routed to', async () => {
    await expectNamed('conservation', /No message was routed to/, (db, find) => {
      const row = find("type = 'delivery.attempt-succeeded' AND revision = 0 AND sequence > 300");
      return change(db, row, 'stream', row.stream.replace(/.{4}$/, 'ffff'));
    });
    const twice = (db: DatabaseSync, find: (where: string) => Row) => {
      const [before, row] = [find("type = 'batch.closed' AND sequence > 200"), find("type = 'batch.closed' AND sequence > 300")];
      const { messages } = JSON.parse(before.data) as { messages: string[] };
      return change(db, row, 'data', row.data.replace(/"messages":\["[^"]*"/, `"messages":["${messages[0]}"`));
    };
    await expectNamed('conservation', /which is in batch-.* already/, twice);
    await expectNamed('conservation', /which was not routed to/, (db, find) => {
      const row = find("type = 'batch.closed' AND sequence > 300");
      return change(db, row, 'data', row.data.replace(/"messages":\["[^"]*"/, '"messages":["00000000-0000-4000-8000-000000000000"'));
    });
  });

  it('a delivery that went a way that there is not', async () => {
    const rewrite = (where: string, from: RegExp, to: string) => (db: DatabaseSync, find: (where: string) => Row) => {
      const row = find(where);
      const data = row.data.replace(from, to);
      expect(data).not.toBe(row.data);
      return change(db, row, 'data', data);
    };
    await expectNamed('states', /It could not happen: it was open, with attempt 1 next/, rewrite(failed, /"attempt":1/, '"attempt":3'));
    await expectNamed('states', /By the decider it would have said/, rewrite(failed, /"failuresInSeries":1/, '"failuresInSeries":2'));
    await expectNamed(
      'states',
      /By the decider it would have said/,
      rewrite(failed, /"retryAt":"2026-01-01T12:0\d/, '"retryAt":"2026-01-01T11:00'),
    );
    await expectNamed(
      'states',
      /a configuration of its endpoint that never was/,
      rewrite(failed, /"endpointRevision":0/, '"endpointRevision":77'),
    );
    await expectNamed(
      'states',
      /It does not say what the last attempt did/,
      rewrite("type = 'delivery.exhausted'", /"attempts":2/, '"attempts":1'),
    );
    await expectNamed(
      'states',
      /It could not happen/,
      rewrite("type = 'batch.attempt-succeeded' AND sequence > 300", /"attempt":1/, '"attempt":2'),
    );
  });

  it('a delivery whose last attempt failed for good, and nothing says so', async () => {
    const { results } = await damage((db, find) => {
      const row = find("type = 'delivery.exhausted'");
      db.prepare('DELETE FROM events WHERE stream = ? AND revision >= ?').run(row.stream, row.revision);
      return row.sequence;
    });
    expect(results.states.first?.sentence).toMatch(/no event says that the delivery has failed/);
  });

  it('a seal that was changed', async () => {
    const { results } = await damage((db, find) => {
      const row = find("type = 'ledger.sealed' AND revision = 2");
      return change(db, row, 'data', row.data.replace(/"total":\d+/, '"total":99999'));
    });
    expect(results.seals.first?.sentence).toMatch(/The signature of seal 2 does not hold/);
  });
});
