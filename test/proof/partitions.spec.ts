// Verification in several partitions, as threads do it, checks the same as verification in one.
import { expect, it } from 'vitest';
import { openStoredLogReader } from '../../src/event-store/open-log.ts';
import { checkPartition } from '../../src/proof/checking/check-partition.ts';
import { addCounts, noDeliveries } from '../../src/proof/checking/delivery-counts.ts';
import { checkNames, Findings } from '../../src/proof/checking/findings.ts';
import { readSealChain } from '../../src/proof/checking/seal-chain.ts';
import { SealedLog, silent } from '../support/sealed-log.ts';

it('checks every event once, and counts every delivery once, however many partitions there are', async () => {
  await using log = new SealedLog();
  await log.fill(300);
  await log.seal(100);
  const reader = await openStoredLogReader(log.address, silent);
  const end = (await reader.last())?.position;
  if (end === undefined) throw new Error('The log is empty.');
  const { seals } = await readSealChain(reader, new Findings(), 'log', () => {});
  const checkIn = async (count: number) => {
    const findings = new Findings();
    let counts = noDeliveries;
    for (let index = 0; index < count; index++) {
      const task = { log: log.address, partition: { index, count }, after: undefined, end, seals };
      const { results, deliveryCounts } = await checkPartition(reader, task, silent, () => {});
      findings.add(results);
      counts = [...deliveryCounts.values()].reduce(addCounts, counts);
    }
    const results = findings.results();
    return { counts, checks: checkNames.map((name) => ({ name, checked: results[name].checked, wrong: results[name].wrong })) };
  };
  const whole = await checkIn(1);
  expect(whole.counts.routed).toBe(751);
  expect(whole.checks.filter(({ wrong }) => wrong > 0)).toEqual([]);
  expect(await checkIn(2)).toEqual(whole);
  expect(await checkIn(3)).toEqual(whole);
  await reader.close();
});
