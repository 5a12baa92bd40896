// Positions that a command is given.
import type { Position } from '../domain/ids.ts';
import { hasPositionFormat } from '../event-store/position-format.ts';
import type { StoredLogReader } from '../event-store/stored-log.ts';
import { UsageError } from './run-command.ts';

/** A position of this log, written as the log writes it. */
export const parsePosition = async (since: string | undefined, log: StoredLogReader): Promise<Position | undefined> => {
  if (since === undefined) return undefined;
  const last = await log.last();
  if (last && hasPositionFormat(since, last.position) && since <= last.position) return since;
  throw new UsageError(
    `--since ${since} is no position of this log${last ? `, which ends at ${last.position}` : ', which is empty'}. Give one as the API and \`verify\` show them.`,
  );
};
