import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { CircuitGates, circuitGatesIn, takeProbe, type CircuitStep } from './circuit-gates.ts';
import { createDueAttempts, type DueAttemptsSchema } from './due-attempts-table.ts';

const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];
const second = 1_000;
/** An attempt that ended then, learned of a minute of this process's clock later. */
const step = (at: number, error: string | null = 'It answered 500.', endpointId = e1): CircuitStep => ({
  endpointId,
  at,
  learned: { at: at + 60 * second },
  event: { type: 'attempt', outcome: { startedAt: at, endedAt: at, error, isPutOff: false, endpointRevision: 0 } },
});
const failures = (count: number, everyMs: number) => Array.from({ length: count }, (_, i) => step(i * everyMs));

describe.each(databaseKinds)('the gates of circuits on $name', ({ make }) => {
  let place: DatabaseUnderTest;
  let tables: Tables<DueAttemptsSchema>;
  const apply = (gates: CircuitGates, steps: readonly CircuitStep[]) =>
    tables.transaction(async (tx) => (await gates.apply(steps, tx)).gates);
  const states = async () => (await circuitGatesIn(tables.read)).map(({ endpointId, circuit }) => [endpointId, circuit.state]);

  beforeEach(async () => {
    place = await make();
    tables = await place.open().open('due', 1, createDueAttempts);
  });
  afterEach(async () => {
    await tables.close();
    await place.discard();
  });

  it('hold a row for each endpoint whose last attempt failed, and for no other', async () => {
    const gates = new CircuitGates();
    expect(await apply(gates, [step(1, null), step(2, null, e2)])).toEqual([]);
    await apply(gates, [step(3), step(4, 'x', e2)]);
    expect(await states()).toEqual([
      [e1, 'FAILING'],
      [e2, 'FAILING'],
    ]);
    expect(await apply(gates, [step(5, null)])).toMatchObject([{ endpointId: e1, circuit: { state: 'HEALTHY' }, probeAt: null }]);
    expect(await states()).toEqual([[e2, 'FAILING']]);
  });

  it('say when the next probe may go, by the clock of the due attempts', async () => {
    const [opened] = await apply(new CircuitGates(), failures(20, 4 * second));
    expect(opened).toMatchObject({ circuit: { state: 'OPEN', nextProbeAt: 86 * second }, probeAt: 146 * second });
  });

  it('are the same however the log is cut into batches, also after a restart and after a transaction that was rolled back', async () => {
    const steps = failures(25, 4 * second);
    let gates = new CircuitGates();
    for (const each of steps) {
      await apply(gates, [each]);
      gates.committed();
      if (each === steps[10]) gates = new CircuitGates();
      const lost = tables.transaction(async (tx) => {
        await gates.apply([step(each.at + 1, null)], tx);
        throw new Error('rolled back');
      });
      await expect(lost).rejects.toThrow('rolled back');
    }
    const [cut] = await circuitGatesIn(tables.read);
    await apply(gates, [step(1_000 * second, null)]);
    await apply(gates, steps);
    expect((await circuitGatesIn(tables.read))[0]?.circuit).toEqual(cut?.circuit);
  });

  it('give the probe that is due to one replica, until its outcome is in the log or it could not have come', async () => {
    await apply(new CircuitGates(), failures(20, 4 * second)); // it is due at 146 s
    const take = (now: number) => tables.transaction((tx) => takeProbe(e1, 36 * second, now * second, tx.kysely));
    expect(await take(140)).toBe(false);
    expect(await take(145.5)).toBe(true); // the lane's count is a little ahead of the table's
    expect([await take(146), await take(181)]).toEqual([false, false]);
    expect(await take(182)).toBe(true); // the first one's replica is gone
    await apply(new CircuitGates(), [step(100 * second)]); // learned of at 160 s, so the next is due at 180 s
    expect([await take(170), await take(180)]).toEqual([false, true]);
    await apply(new CircuitGates(), [step(130 * second, null)]);
    expect(await take(1_000)).toBe(false);
  });
});
