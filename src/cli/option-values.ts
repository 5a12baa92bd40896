// Reads positions, times and ids from a command's options.
import type * as z from 'zod';
import type { Position } from '../domain/ids.ts';
import { hasPositionFormat } from '../event-store/position-format.ts';
import type { StoredLogReader } from '../event-store/stored-log.ts';
import { UsageError } from './run-command.ts';

/** @throws UsageError if it is not a position that this log has reached, written as the log writes it */
export const parsePosition = async (since: string | undefined, log: StoredLogReader): Promise<Position | undefined> => {
  if (since === undefined) return undefined;
  const last = await log.last();
  if (last && hasPositionFormat(since, last.position) && since <= last.position) return since;
  throw new UsageError(
    `--since ${since} is not a position of this log${last ? `, which ends at ${last.position}` : ', which is empty'}. Give one as the API and \`verify\` show it.`,
  );
};

/** @throws UsageError */
export const parseTime = (option: string, text: string): Date => {
  const time = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(time.getTime()))
    throw new UsageError(`${option} must be ISO 8601 with a time zone, such as 2026-01-15T10:30:00Z; "${text}" is not.`);
  return time;
};

/** @throws UsageError if the id is empty */
export const parseId = <S extends z.ZodType>(schema: S, option: string, text: string | undefined): z.infer<S> | undefined => {
  if (text === undefined) return undefined;
  const id = schema.safeParse(text);
  if (!id.success) throw new UsageError(`${option} must be an id.`);
  return id.data;
};
