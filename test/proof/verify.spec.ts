// Verification finds every kind of damage: each is done to a copy of one log, in a file and on a log server, and must be named.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyLog } from '../../src/proof/checking/verify-log.ts';
import type { Position } from '../../src/domain/ids.ts';
import { copyLog } from '../../src/event-store/copy-log.ts';
import { openStoredLog } from '../../src/event-store/open-log.ts';
import { damageableLogs, damaging, type Damage, type DamageableLog, type Row } from '../support/damaged-log.ts';
import { endpoints } from '../support/made-log.ts';
import { SealedLog, silent } from '../support/sealed-log.ts';

const options = { since: undefined, threads: 0, progress: () => {}, log: silent };

let log: SealedLog;
beforeAll(async () => {
  log = new SealedLog();
  await log.fill(300);
  await log.seal(400);
});
afterAll(() => log[Symbol.asyncDispose]());

const failedChecks = (results: Awaited<ReturnType<typeof verifyLog>>['results']) =>
  Object.entries(results).flatMap(([name, { wrong }]) => (wrong > 0 ? [name] : []));

it('finds nothing wrong in what the service wrote, and gives every check something to check', async () => {
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

it('starts in the middle of the log, and looks up earlier events where it needs them', async () => {
  for (const since of [20, 333, 700].map((sequence) => String(sequence).padStart(16, '0') as Position)) {
    const { results, events } = await verifyLog(log.address, { ...options, since });
    expect(failedChecks(results)).toEqual([]);
    expect(events).toBeGreaterThan(100);
  }
});

it('finds nothing wrong in a copy of the log, or in a copy of the copy', async () => {
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
    expect(failedChecks(results)).toEqual([]);
    expect(results.seals.checked).toBeGreaterThan(2);
    expect(counts.routed).toBe(751);
    from = to;
  }
});

it('names a position that is missing from the embedded log', async () => {
  const folder = log.file('gap');
  mkdirSync(folder);
  copyFileSync(log.file('log.db'), join(folder, 'log.db'));
  const db = new DatabaseSync(join(folder, 'log.db'));
  db.exec('DELETE FROM events WHERE sequence = 400');
  db.close();
  const { results } = await verifyLog({ kind: 'embedded', directory: folder }, options);
  expect(results.revisions.first).toMatchObject({
    position: '0000000000000401',
    sentence: 'The event before it is missing from the log: position 400.',
  });
  expect(results.seals.first?.sentence).toMatch(/An event under seal \d was removed after the event at position/);
});

describe.each(damageableLogs)('in $name, names', ({ make }) => {
  let damaged: DamageableLog;
  beforeAll(async () => {
    damaged = await make(log);
  });
  afterAll(() => damaged.close());

  const { afterDamage, find, rewritten, retyped, expectNamed } = damaging(() => damaged);
  const message = "type = 'message.accepted' AND sequence > 300";
  const failed = "type = 'delivery.attempt-failed' AND sequence > 300";

  it('an event that is not JSON, one of an unknown type, one of another kind than its stream, and one that lacks a field', async () => {
    await expectNamed('decodes', /not JSON|expected object/, { row: find(message), change: { data: '{' } });
    await expectNamed('decodes', /has no such event/, retyped(message, 'message.lost'));
    await expectNamed('states', /It is in a stream of another kind/, retyped(message, 'endpoint.paused'));
    await expectNamed('states', /It is in a stream of another kind/, retyped(failed, 'batch.closed', find("type = 'batch.closed'").data));
    await expectNamed('decodes', /data\.attempt/, rewritten(failed, '"attempt":1,', ''));
  });

  it('an event that is missing from the middle of a stream, or from its start', async () => {
    const second = find("revision = 1 AND stream LIKE 'delivery-%' AND type LIKE '%failed' AND sequence > 300");
    const removed = await afterDamage({ row: second });
    expect(removed.results.revisions.first).toMatchObject({
      position: removed.at(find(`stream = '${second.stream}' AND revision = 2`)),
      sentence: 'Before it, revision 1 of its stream is missing.',
    });
    const first = find("revision = 0 AND stream LIKE 'delivery-%' AND type LIKE '%failed' AND sequence > 300");
    const { results, at } = await afterDamage({ row: first });
    expect(results.revisions.first).toMatchObject({
      position: at(find(`stream = '${first.stream}' AND revision = 1`)),
      sentence: 'Before it, revision 0 of its stream is missing.',
    });
  });

  it('ids that do not follow from their cause: of an attempt, a message, a batch, and what a replay did', async () => {
    const id = 'c0ffee00-0000-5000-8000-000000000000';
    await expectNamed('ids', /does not follow from its cause/, { row: find(failed), change: { id } });
    await expectNamed(
      'ids',
      /The message's id .* does not follow from "another"/,
      rewritten(message, /"clientId":"m\d+"/, '"clientId":"another"'),
    );
    await expectNamed(
      'ids',
      /its endpoint and number 9999/,
      rewritten("type = 'batch.closed' AND sequence > 300", /"number":\d+/, '"number":9999'),
    );
    for (const type of ['delivery.replay-requested', 'replay.finished'])
      await expectNamed('ids', /does not follow from its cause/, { row: find(`type = '${type}'`), change: { id } });
  });

  it('a message that went to an endpoint too many or too few, and one that was routed after it was recorded', async () => {
    const added = `"destinations":[{"endpointId":"${endpoints.disabled}"},`;
    await expectNamed('routing', /It went to .*; by the configuration at \d+ it goes to/, rewritten(message, '"destinations":[', added));
    await expectNamed(
      'routing',
      /It skipped nobody; by the configuration at \d+ it skips/,
      rewritten(message, /"skipped":\["[^"]*"\]/, '"skipped":[]'),
    );
    await expectNamed('routing', /which is not before its own/, rewritten(message, /"routedAt":"\d+"/, '"routedAt":"0000000000009999"'));
  });

  it('a delivery that was not routed, a message in two batches, and one in a batch of an endpoint that it was not routed to', async () => {
    const alone = find("type = 'delivery.attempt-succeeded' AND revision = 0 AND sequence > 300");
    const elsewhere = { row: alone, change: { stream: alone.stream.replace(/.{4}$/, 'ffff') } };
    await expectNamed('conservation', /No message of this delivery was routed to/, elsewhere);
    const batch = "type = 'batch.closed' AND sequence > 300";
    const { messages } = JSON.parse(find("type = 'batch.closed' AND sequence > 200").data) as { messages: string[] };
    await expectNamed(
      'conservation',
      /which is in batch-.* already/,
      rewritten(batch, /"messages":\["[^"]*"/, `"messages":["${messages[0]}"`),
    );
    await expectNamed(
      'conservation',
      /which was not routed to/,
      rewritten(batch, /"messages":\["[^"]*"/, '"messages":["00000000-0000-4000-8000-000000000000"'),
    );
  });

  it('events that a delivery cannot have', async () => {
    await expectNamed(
      'states',
      /It could not happen: the delivery was open, with attempt 1 next/,
      rewritten(failed, /"attempt":1/, '"attempt":3'),
    );
    await expectNamed('states', /The decider would have written/, rewritten(failed, /"failuresInSeries":1/, '"failuresInSeries":2'));
    await expectNamed(
      'states',
      /The decider would have written/,
      rewritten(failed, /"retryAt":"2026-01-01T12:0\d/, '"retryAt":"2026-01-01T11:00'),
    );
    await expectNamed(
      'states',
      /a configuration that its endpoint never had/,
      rewritten(failed, /"endpointRevision":0/, '"endpointRevision":77'),
    );
    await expectNamed(
      'states',
      /It contradicts the last attempt/,
      rewritten("type = 'delivery.exhausted'", /"attempts":2/, '"attempts":1'),
    );
    await expectNamed(
      'states',
      /It could not happen/,
      rewritten("type = 'batch.attempt-succeeded' AND sequence > 300", /"attempt":1/, '"attempt":2'),
    );
  });

  it('a delivery whose last attempt failed for good, if no event says so', async () => {
    const { stream, revision } = find("type = 'delivery.exhausted'");
    const gone: Damage[] = [];
    for (let each = revision; each <= revision + 2; each++) gone.push({ row: find(`stream = '${stream}' AND revision = ${each}`) });
    const { results } = await afterDamage(...gone);
    expect(results.states.first?.sentence).toMatch(/no event says that the delivery has failed/);
  });

  it('events that a replay cannot have, a message that it did not find, and deliveries that it cannot have sent', async () => {
    const [progressed, finished] = ["type = 'replay.progressed'", "type = 'replay.finished'"];
    await expectNamed('states', /^By the decider, `sent` would be 1, not 3\.$/, rewritten(finished, '"sent":1', '"sent":3'));
    await expectNamed(
      'states',
      /^It could not happen after the events before it in its stream/,
      rewritten(progressed, '"sent":1', '"sent":22'),
    );
    await expectNamed('states', /^It could not happen/, retyped("type = 'replay.requested'", 'replay.finished', find(finished).data));
    await expectNamed('states', /^By the decider, `endpointId` would be/, rewritten(progressed, endpoints.disabled, endpoints.all));
    const later = find("type = 'message.accepted' AND sequence > 400").stream.slice('message-'.length);
    await expectNamed(
      'states',
      /^It names message .*, which was not accepted before the replay was requested/,
      rewritten(progressed, /"after":"[^"]*"/, `"after":"${later}"`),
    );
    await expectNamed(
      'states',
      /^There was no endpoint .* to send to/,
      rewritten("type = 'replay.requested'", endpoints.disabled, '00000000-0000-4000-8000-00000000ffff'),
    );
    await expectNamed(
      'states',
      /^It names the replay .*, which nobody had requested for/,
      rewritten("type = 'delivery.replay-requested'", /"replayId":".{8}/, '"replayId":"ffffffff'),
    );
  });

  it('events that a bulk retry cannot have, and deliveries that it cannot have retried', async () => {
    const [progressed, finished] = ["type = 'bulkretry.progressed'", "type = 'bulkretry.finished'"];
    await expectNamed('states', /^By the decider, `retried` would be 1, not 3\.$/, rewritten(finished, '"retried":1', '"retried":3'));
    await expectNamed('states', /^It could not happen/, rewritten(progressed, '"retried":1', '"retried":0'));
    const unknown = '00000000-0000-4000-8000-00000000ffff';
    await expectNamed('states', /^There was no endpoint .* to retry/, rewritten(progressed, endpoints.all, unknown));
    const retried = "type = 'delivery.retry-requested' AND data LIKE '%bulkRetryId%'";
    const notRequested = /^It names the bulk retry .*, which nobody had requested for this delivery/;
    await expectNamed('states', notRequested, rewritten(retried, /"bulkRetryId":".{8}/, '"bulkRetryId":"ffffffff'));
    const { results } = await afterDamage(rewritten("type = 'bulkretry.requested'", endpoints.all, unknown));
    expect(results.states.first?.sentence).toMatch(notRequested);
    await expectNamed('ids', /does not follow from its cause/, { row: find(retried), change: { id: unknown } });
  });

  it('events that configuration, or the reading of a source, cannot have', async () => {
    const impossible = /^It could not happen after the events before it in its stream/;
    await expectNamed('states', impossible, retyped("type = 'endpoint.enabled'", 'endpoint.resumed'));
    await expectNamed('states', impossible, retyped("type = 'apikey.issued'", 'apikey.revoked'));
    await expectNamed('states', impossible, retyped("type = 'source.paused'", 'source.resumed'));
    await expectNamed('states', impossible, retyped("type = 'organization.event-type-defined'", 'organization.event-type-retired'));
    const [skipped, last] = ["type = 'reading.advanced'", "type = 'reading.advanced' AND revision = 2"];
    await expectNamed('states', /^By the decider, `skipped` would be 1, not 7/, rewritten(skipped, '"skipped":1', '"skipped":7'));
    await expectNamed('states', impossible, rewritten(last, '"published":99', '"published":9'));
    await expectNamed('states', impossible, rewritten(last, /"position":"\w+"/, '"position":"0000000000000001"'));
  });

  it('a seal that was changed, and one in the place of another', async () => {
    const second = "type = 'ledger.sealed' AND revision = 2";
    const { results } = await afterDamage(rewritten(second, /"total":\d+/, '"total":99999'));
    expect(results.seals.first?.sentence).toMatch(/The signature of seal 2 does not match/);
    await expectNamed('states', /^It is seal 1, in the place of seal 2/, {
      row: find(second),
      change: { data: find("type = 'ledger.sealed' AND revision = 1").data },
    });
  });

  it('a seal that is missing between others; and reports what is unsealed if the last ones were cut off', async () => {
    const seals = [1, 2, 3].map((revision) => find(`type = 'ledger.sealed' AND revision = ${revision}`));
    for (const [i, row] of seals.slice(0, 2).entries()) {
      const { results, at } = await afterDamage({ row });
      const next = { position: at(seals[i + 1] as Row), type: 'ledger.sealed' };
      expect(results.revisions.first).toMatchObject({ ...next, sentence: `Before it, revision ${i + 1} of its stream is missing.` });
      expect(results.seals.first).toMatchObject({ ...next, sentence: `Before it, seal ${i + 1} is missing: it was removed.` });
    }
    const { results } = await afterDamage({ row: find("type = 'ledger.key-created'") });
    expect(failedChecks((await afterDamage(rewritten("type = 'ledger.sealed' AND revision = 2", '{', '['))).results)).toEqual([
      'decodes',
      'seals',
    ]);
    expect(results.seals.first?.sentence).toBe('Before it, the key of the seals is missing: it was removed.');
    // The log does not say how many seals there were, so only the number of unsealed events, and since when, can be reported.
    const whole = await afterDamage();
    expect(whole).toMatchObject({ unsealed: 1, unsealedSince: undefined });
    await damaged.damage(seals.slice(1).map((row) => ({ row })));
    const cut = await verifyLog(damaged.address, options);
    expect(failedChecks(cut.results)).toEqual([]);
    expect(cut.unsealed).toBe(cut.events - 400);
    expect(cut.unsealedSince).toMatch(/^\d{4}-.*Z$/);
  });
});
