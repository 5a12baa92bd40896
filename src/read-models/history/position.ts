// A position that somebody gives: whether the log has come to it.
import { badInput } from '../../domain/errors.ts';
import type { Position } from '../../domain/ids.ts';
import { hasPositionFormat } from '../../event-store/position-format.ts';

/** @throws DomainError BAD_USER_INPUT at one that never was */
export const knownPosition = (given: string, tip: Position | undefined, path: string): Position => {
  if (tip === undefined || !hasPositionFormat(given, tip))
    throw badInput(
      path,
      `"${given.slice(0, 100)}" is no position of this log; positions are what events, messages and attempts are shown with.`,
    );
  if (given > tip) throw badInput(path, `The log has not come to the position ${given} yet; it ends at ${tip}.`);
  return given;
};
