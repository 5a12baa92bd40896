// Reads that count in the budget of the operation they are made for, and let other work run between them.
import type { Kysely, KyselyPlugin } from 'kysely';
import { giveWay } from '../../time-slices.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { ReadBudget } from './read-budget.ts';

const countingPlugin: KyselyPlugin = {
  transformQuery({ node }) {
    ReadBudget.current?.check();
    return node;
  },
  async transformResult({ result }) {
    ReadBudget.current?.countRows(result.rows);
    await giveWay(); // what becomes of the rows takes time, too
    return result;
  },
};
const budgeted = new WeakMap<object, unknown>();

/** The same tables. Their rows count in the budget. */
export const budgetedTables = <S>(tables: Kysely<S>): Kysely<S> => {
  const found = budgeted.get(tables);
  if (found) return found as Kysely<S>; // made below, of the same tables
  const made = tables.withPlugin(countingPlugin);
  budgeted.set(tables, made);
  return made;
};

/** What operations read of the log. */
export type ReadLog = Pick<EventStore, 'readStream' | 'tip'>;

/** Events of a stream read at once. */
const eventsAtOnce = 100;

/** The same log. Its events count in the budget, and long streams are read in parts. */
export const budgetedLog = (log: ReadLog): ReadLog => ({
  tip: () => log.tip(),
  async readStream(stream, { from = 0, upTo = Number.MAX_SAFE_INTEGER } = {}) {
    const budget = ReadBudget.current;
    const events: RecordedEvent[] = [];
    for (let next = from; next <= upTo; next += eventsAtOnce) {
      await giveWay();
      budget?.check();
      const part = await log.readStream(stream, { from: next, upTo: Math.min(upTo, next + eventsAtOnce - 1) });
      budget?.countEvents(part);
      events.push(...part);
      if (part.length < eventsAtOnce) break;
    }
    return events;
  },
});
