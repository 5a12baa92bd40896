// A position that somebody gives: whether the log has come to it.
import { badInput } from '../../domain/errors.ts';
import { position as toBrand, type Position } from '../../domain/ids.ts';

/** @throws DomainError BAD_USER_INPUT at one that never was */
export const knownPosition = (given: string, tip: Position | undefined, path: string): Position => {
  if (tip === undefined || given.length !== tip.length || !/^[0-9a-f]+$/.test(given))
    throw badInput(
      path,
      `"${given.slice(0, 100)}" is no position of this log; positions are what events, messages and attempts are shown with.`,
    );
  if (given > tip) throw badInput(path, `The log has not come to the position ${given} yet; it ends at ${tip}.`);
  return toBrand.parse(given);
};
