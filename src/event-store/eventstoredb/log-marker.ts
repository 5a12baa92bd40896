// The marker: a stream of one event, written before all other events of a log. It says that this is a log of Hookledger and in which format. Its id
// is the id of the log. Its position is where the log begins, so nobody searches what others wrote to the server earlier.
import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { Position } from '../../domain/ids.ts';
import { LogUnusable } from '../event-store.ts';
import { CallFailed } from './call-failed.ts';
import type { ClientThread } from './client-thread.ts';
import { classifyFailure } from './failures.ts';

/** Incremented when the names of streams, or anything else that this adapter stores, change. */
const FORMAT = 1;
const eventType = 'hookledger.log';
const markerData = z.object({ format: z.int().positive() });

export const markerStream = (prefix: string) => `${prefix}hookledger`;

export type Marker = { readonly id: string; readonly position: Position };

/** Reads the marker; writes it first if there is none and `create` allows it. @throws LogUnusable, CallFailed */
export const findMarker = async (
  thread: ClientThread,
  timeoutMs: number,
  { server, prefix, create }: { readonly server: string; readonly prefix: string; readonly create: boolean },
): Promise<Marker> => {
  const stream = markerStream(prefix);
  for (;;) {
    const [marker] = await thread.read({ stream, from: 0, count: 1 }, timeoutMs);
    if (marker) {
      const format = marker.type === eventType ? formatIn(marker.data) : undefined;
      if (format === undefined)
        throw new LogUnusable(
          `The stream ${stream} at ${server} is not the beginning of a log of Hookledger. Give the log another prefix.`,
        );
      if (format > FORMAT)
        throw new LogUnusable(
          `The log at ${server} was written by a newer version of Hookledger (its format is ${format}, this version reads ${FORMAT}). Start that version.`,
        );
      return marker;
    }
    if (!create) {
      const where = prefix === '' ? 'without a prefix' : `with the prefix ${prefix}`;
      throw new LogUnusable(`There is no log of Hookledger ${where} at ${server}. Correct the address or the prefix.`);
    }
    const event = [randomUUID(), eventType, JSON.stringify({ format: FORMAT } satisfies z.infer<typeof markerData>), '{}'];
    try {
      await thread.append([stream, -1, event], timeoutMs);
    } catch (error) {
      const isTaken = error instanceof CallFailed && classifyFailure(error.failure) === 'conflict'; // another process was faster
      if (!isTaken) throw error;
    }
  }
};

const formatIn = (data: string): number | undefined => {
  try {
    return markerData.safeParse(JSON.parse(data)).data?.format;
  } catch {
    return undefined;
  }
};
