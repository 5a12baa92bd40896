// The table of the configuration: its events as the log has them, in chunks that follow each other without a gap, each up to a position of the log.
// Guarantee: a chunk is written only after the one that its writer knows, in one statement, so any number of replicas write one sequence. Each carries
// a proof of this installation and log, so nobody who can write to the database can slip in or take out a key.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Kysely } from 'kysely';
import * as z from 'zod';
import { noPosition, position, type Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import type { CheckpointSchema, Database, Int64Type, Tables } from '../engine/database/database.ts';
import { createTable, type RowOf, type Table } from '../views/tables/table.ts';

const configurationChunks: Table<{
  /** After this position; empty for the first chunk. */
  from_position: Position;
  /** The log holds no other configuration up to here. */
  to_position: Position;
  /** JSON. */
  events: string;
  proof: string;
}> = {
  columns: { from_position: 'text', to_position: 'text', events: 'text', proof: 'text' },
  primaryKey: ['from_position'],
};
type Row = RowOf<typeof configurationChunks>;
type ChunksSchema = CheckpointSchema & { configuration_chunks: Row };

export type Chunk = { readonly from: Position; readonly to: Position; readonly events: readonly StoredEvent[] };

const name = 'configuration';
const version = 1;
const storedEvents = z.compile(
  z.array(
    z.object({
      id: z.string(),
      type: z.string(),
      data: z.string(),
      metadata: z.string(),
      stream: z.string(),
      revision: z.number(),
      position,
      recordedAt: z.string(),
    }),
  ),
);

/** A chunk is not what this installation wrote. */
export class ChunkUnusable extends Error {
  override name = 'ChunkUnusable';
}

export class ConfigurationChunks {
  private constructor(
    private readonly tables: Tables<ChunksSchema>,
    /** The first makes proofs; all of them check. */
    private readonly keys: readonly Buffer[],
    /** Tells the log from others. */
    private readonly logId: string,
  ) {}

  /** @param keys derived from the master key */
  static async open(
    database: Database,
    keys: readonly Buffer[],
    logId: string,
    opened: AsyncDisposableStack,
  ): Promise<ConfigurationChunks> {
    const createTables = (db: Kysely<ChunksSchema>, int64: Int64Type) =>
      createTable(db, 'configuration_chunks', configurationChunks, int64);
    const tables = await database.open<ChunksSchema>(name, version, createTables);
    opened.defer(() => tables.close());
    await tables.group?.standBy(); // in use from here on, so nobody drops them
    return new ConfigurationChunks(tables, keys, logId);
  }

  /** From the first on, one at a time. @throws ChunkUnusable */
  async *read(): AsyncGenerator<Chunk> {
    const query = this.tables.read.selectFrom('configuration_chunks').selectAll();
    for (let after = noPosition; ;) {
      const row = await query.where('from_position', '=', after).executeTakeFirst();
      if (!row) return;
      yield this.chunkOf(row);
      after = row.to_position;
    }
  }

  /** Undefined: there is none. @throws ChunkUnusable */
  async last(): Promise<Chunk | undefined> {
    const query = this.tables.read.selectFrom('configuration_chunks').selectAll().orderBy('to_position', 'desc').limit(1);
    const row = await query.executeTakeFirst();
    return row && this.chunkOf(row);
  }

  /** @returns whether it was written: no, if another replica has added one after the chunk before it */
  add(chunk: Chunk): Promise<boolean> {
    const row = this.rowOf(chunk);
    return this.write(async (db) => {
      const insert = db.insertInto('configuration_chunks').values(row);
      const { numInsertedOrUpdatedRows } = await insert.onConflict((conflict) => conflict.doNothing()).executeTakeFirstOrThrow();
      return numInsertedOrUpdatedRows === 1n;
    });
  }

  /** Lets a chunk reach farther. @returns whether it was written: no, if another replica has done so */
  extend(chunk: Chunk, { to, events }: Pick<Chunk, 'to' | 'events'>): Promise<boolean> {
    const row = this.rowOf({ from: chunk.from, to, events: [...chunk.events, ...events] });
    return this.write(async (db) => {
      const update = db.updateTable('configuration_chunks').set(row);
      const there = update.where('from_position', '=', chunk.from).where('to_position', '=', chunk.to);
      return (await there.executeTakeFirstOrThrow()).numUpdatedRows === 1n;
    });
  }

  /** Removes all chunks from a position on. */
  removeFrom(position: Position): Promise<void> {
    return this.write(async (db) => {
      await db.deleteFrom('configuration_chunks').where('from_position', '>=', position).execute();
    });
  }

  private write<T>(work: (db: Kysely<ChunksSchema>) => Promise<T>): Promise<T> {
    const { group } = this.tables;
    return group ? work(group.sideWriter) : this.tables.transaction(({ kysely }) => work(kysely));
  }

  private rowOf({ from, to, events }: Chunk): Row {
    const text = JSON.stringify(events);
    return { from_position: from, to_position: to, events: text, proof: this.proofs({ from, to, text })[0] ?? '' };
  }

  private chunkOf({ from_position: from, to_position: to, events, proof }: Row): Chunk {
    const isProven = this.proofs({ from, to, text: events }).some((each) => isEqual(each, proof));
    if (!isProven)
      throw new ChunkUnusable('It was written under another master key, for another log, or by somebody else than Hookledger.');
    return { from, to, events: storedEvents.parse(JSON.parse(events)) };
  }

  /** By each key. */
  private proofs({ from, to, text }: { readonly from: Position; readonly to: Position; readonly text: string }): string[] {
    const head = JSON.stringify([this.logId, from, to]);
    return this.keys.map((key) => createHmac('sha256', key).update(head).update(text).digest('base64'));
  }
}

const isEqual = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
