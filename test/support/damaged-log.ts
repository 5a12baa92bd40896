// A sealed log, in a file and on a log server, that tests damage again and again in ways that Hookledger itself cannot.
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import type { CheckName } from '../../src/proof/checking/findings.ts';
import { verifyLog, verifyOpenedLog, type LogVerification } from '../../src/proof/checking/verify-log.ts';
import { copyLog } from '../../src/event-store/copy-log.ts';
import { openStoredLogReader, openStoredLog, type LogAddress } from '../../src/event-store/open-log.ts';
import { LogServerDouble } from './log-server/double.ts';
import { silent, type SealedLog } from './sealed-log.ts';

/** An event before the damage. */
export type Row = { sequence: number; stream: string; revision: number; id: string; type: string; data: string };
export type Damage = {
  readonly row: Row;
  /** Left out: the event is removed, and later ones move up. */
  readonly change?: { readonly id?: string; readonly type?: string; readonly stream?: string; readonly data?: string };
};

export type DamageableLog = {
  readonly address: LogAddress;
  /** The first event of the log that meets an SQL condition. */
  readonly find: (where: string) => Row;
  /** Undoes earlier damage and does this. @returns gives an event's position in the damaged log */
  readonly damage: (damages: readonly Damage[]) => Promise<(row: Row) => string>;
  /** The log's last event must still be there. */
  readonly verify: () => Promise<LogVerification>;
  readonly close: () => Promise<void>;
};

const options = { since: undefined, threads: 0, progress: () => {}, log: silent };

const finding = (log: SealedLog) => {
  const db = new DatabaseSync(log.file('log.db'), { readOnly: true });
  return {
    find: (where: string) => {
      const row = db.prepare(`SELECT * FROM events WHERE ${where} ORDER BY sequence LIMIT 1`).get();
      if (!row) throw new Error(`The log has no event for which ${where}.`);
      return row as unknown as Row; // the columns of the table
    },
    close: () => db.close(),
  };
};

const inFile = async (log: SealedLog): Promise<DamageableLog> => {
  const { find, close } = finding(log);
  const directory = log.file('damaged');
  return {
    address: { kind: 'embedded', directory },
    find,
    damage: async (damages) => {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory);
      copyFileSync(log.file('log.db'), join(directory, 'log.db'));
      const db = new DatabaseSync(join(directory, 'log.db'));
      const gone: number[] = [];
      for (const { row, change } of damages) {
        const { stream = row.stream, id = row.id, type = row.type, data = row.data } = change ?? {};
        if (change)
          db.prepare('UPDATE events SET stream = ?, id = ?, type = ?, data = ? WHERE sequence = ?').run(
            stream,
            id,
            type,
            data,
            row.sequence,
          );
        else {
          db.prepare('DELETE FROM events WHERE sequence = ?').run(row.sequence);
          gone.push(row.sequence);
        }
      }
      for (const sequence of gone.toSorted((a, b) => b - a))
        db.exec(
          `UPDATE events SET sequence = -sequence WHERE sequence > ${sequence}; UPDATE events SET sequence = -sequence - 1 WHERE sequence < 0`,
        );
      db.close();
      return ({ sequence }) => String(sequence - gone.filter((each) => each < sequence).length).padStart(16, '0');
    },
    verify: () => verifyLog({ kind: 'embedded', directory }, options),
    close: async () => close(),
  };
};

const onServer = async (log: SealedLog): Promise<DamageableLog> => {
  const double = await LogServerDouble.start();
  const prefix = 'damaged_';
  const address: LogAddress = { kind: 'eventstoredb', url: double.url(), prefix };
  const [from, to] = [await openStoredLogReader(log.address, silent), await openStoredLog(address, { log: silent, create: true })];
  await copyLog(from, to, { progress: () => {}, signal: new AbortController().signal });
  const positions = new Map<string, string>();
  for await (const batch of to.read(undefined))
    for (const { stream, revision, position } of batch) positions.set(`${stream}@${revision}`, position);
  await from.close();
  const { find, close } = finding(log);
  return {
    address,
    find,
    damage: async (damages) => {
      await double.call('mend');
      for (const { row, change } of damages) {
        const changed = change && { ...change, ...(change.stream !== undefined && { stream: prefix + change.stream }) };
        await double.call('damage', { stream: prefix + row.stream, revision: row.revision, change: changed });
      }
      return ({ stream, revision }) => positions.get(`${stream}@${revision}`) ?? '';
    },
    verify: () => verifyOpenedLog(to, address, options), // opening takes longer than reading
    close: async () => {
      close();
      await to.close();
      await double.stop();
    },
  };
};

/** Both are copies of the sealed log, which must be in its folder. */
export const damageableLogs: readonly { readonly name: string; readonly make: (log: SealedLog) => Promise<DamageableLog> }[] = [
  { name: 'the embedded log', make: inFile },
  { name: 'a log server', make: onServer },
];

/** Ways to damage a log, and what verifying must then name. @param get the log, once it is made */
export const damaging = (get: () => DamageableLog) => {
  const afterDamage = async (...damages: readonly Damage[]): Promise<LogVerification & { at: (row: Row) => string }> => {
    const at = await get().damage(damages);
    return { ...(await get().verify()), at };
  };
  const find = (where: string) => get().find(where);
  const rewritten = (where: string, from: RegExp | string, to: string): Damage => {
    const row = find(where);
    const data = row.data.replace(from, to);
    expect(data).not.toBe(row.data);
    return { row, change: { data } };
  };
  const retyped = (where: string, type: string, data?: string): Damage => ({
    row: find(where),
    change: { type, ...(data !== undefined && { data }) },
  });
  /** That check's first finding is at the damaged event. The seals find it as well. */
  const expectNamed = async (check: CheckName, sentence: RegExp, damage: Damage): Promise<LogVerification['results']> => {
    const { results, at } = await afterDamage(damage);
    expect(results[check].first).toMatchObject({ position: at(damage.row), sentence: expect.stringMatching(sentence) as string });
    expect(results.seals.wrong).toBeGreaterThan(0);
    return results;
  };
  return { afterDamage, find, rewritten, retyped, expectNamed };
};
