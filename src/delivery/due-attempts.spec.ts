import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../test/support/databases.ts';
import { dueCause, subject } from '../../test/support/samples.ts';
import type { DeliveryId, EndpointId } from '../domain/ids.ts';
import type { Namespace } from '../read-models/database/database.ts';
import { ScheduleAttempt } from './delivery.saga.ts';
import { createDueAttempts, DueAttempts, rowOf, type DueAttemptsSchema } from './due-attempts.ts';

const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];
const attempt = (id: string, endpointId: EndpointId, dueAt: number, test = false) =>
  new ScheduleAttempt(
    id as DeliveryId,
    { ...subject, endpointId, ...(test ? { test: true } : {}) },
    2,
    1,
    test ? 'no-stream' : 5,
    dueAt,
    dueCause,
  );

describe.each(databaseKinds)('the table of due attempts on $name', ({ make }) => {
  let place: DatabaseUnderTest;
  let namespace: Namespace<DueAttemptsSchema>;
  let due: DueAttempts;
  const [a, b, c, d] = [attempt('a', e1, 30), attempt('b', e1, 10, true), attempt('c', e1, 20), attempt('d', e2, 25)];

  beforeEach(async () => {
    place = await make();
    namespace = await place.open().open('due', 1, createDueAttempts);
    due = new DueAttempts(() => namespace.read);
    await namespace.transaction((tx) => tx.upsert('due_attempts', ['id'], [a, b, c, d].map(rowOf)));
  });
  afterEach(async () => {
    await namespace.close();
    await place.discard();
  });

  it('gives back what was written, the oldest first', async () => expect(await due.ofEndpoint(e1, 30, 10, false)).toEqual([b, c, a]));
  it('gives no more than asked for', async () => expect(await due.ofEndpoint(e1, 30, 2, false)).toEqual([b, c]));
  it('gives what is due and nothing else', async () => expect(await due.ofEndpoint(e1, 29, 10, false)).toEqual([b, c]));
  it('gives tests alone', async () => expect(await due.ofEndpoint(e1, 30, 10, true)).toEqual([b]));
  it('names the endpoints that something became due to, each once', async () => {
    expect((await due.endpointsDue(0, 30)).sort()).toEqual([e1, e2]);
    expect(await due.endpointsDue(10, 20)).toEqual([e1]);
    expect(await due.endpointsDue(20, 24)).toEqual([]);
  });
  it('says when the next becomes due', async () => {
    expect(await due.nextAfter(0)).toBe(10);
    expect(await due.nextAfter(10)).toBe(20);
    expect(await due.nextAfter(30)).toBeUndefined();
  });
});
