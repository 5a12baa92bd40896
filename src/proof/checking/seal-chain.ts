// Reads the seals of a log in order, and checks that each is signed and continues the one before it.
import type { Seal } from '../../domain/sealing.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import type { Progress } from '../progress.ts';
import { chainLinkOf, findSealProblem, type ChainLink } from '../sealing/seal.ts';
import { countSeals, readSeal, readSealingKey } from '../sealing/stored-seals.ts';
import type { Findings } from './findings.ts';
import type { ExpectedSeal } from './seal-verifier.ts';

export type SealChain = {
  /** The seals to compare with their events: up to the first that is wrong. */
  readonly seals: readonly ExpectedSeal[];
  readonly publicKey: string | undefined;
  /** The last valid seal. */
  readonly newest: Seal | undefined;
};

/**
 * @param start where the events that are to be checked start: at the start of the log, behind a seal of that number, or, as null, anywhere else.
 *   Then no seal can be compared with its events.
 */
export const readSealChain = async (
  log: StoredLogReader,
  findings: Findings,
  start: 'log' | { readonly afterSeal: number } | null,
  onProgress: (progress: Progress) => void,
): Promise<SealChain> => {
  const seals: ExpectedSeal[] = [];
  const publicKey = (await readSealingKey(log).catch(() => undefined))?.publicKey;
  if (publicKey === undefined || start === null) return { seals, publicKey, newest: undefined };
  const afterSeal = start === 'log' ? undefined : start.afterSeal;
  const count = await countSeals(log);
  let newest: Seal | undefined;
  let link: ChainLink | undefined;
  for (let number = Math.max(1, afterSeal ?? 1); number <= count; number++) {
    const found = await readSeal(log, number).catch(() => undefined);
    if (!found) break; // a missing or unreadable seal is reported by the checks of all events
    const { seal, event } = found;
    if (number !== afterSeal) {
      const problem = findSealProblem(seal, link, publicKey);
      if (problem) {
        findings.wrong('seals', event, problem);
        break;
      }
      seals.push({ number, count: seal.count, root: seal.root });
      onProgress({ step: 'checking the seals', events: number, share: number / count });
    }
    link = chainLinkOf(seal);
    newest = seal;
  }
  return { seals, publicKey, newest };
};
