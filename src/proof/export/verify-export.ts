// Checks an export with nothing at hand but a public key: its seals form a chain that this key signed, and every event is what was sealed. The
// file is read twice, for the seals and for the events, and a third time where one has to be found; so memory does not grow with it.
import type { Seal } from '../../domain/sealing.ts';
import { storedEventOf } from '../sealing/canonical-event.ts';
import { readExportHead, readExportLines, type NumberedLine } from './export-reader.ts';
import { leafHash } from '../sealing/merkle-tree.ts';
import { parseSeal } from '../sealing/stored-seals.ts';
import { SealVerifier, type ExpectedSeal } from '../checking/seal-verifier.ts';
import { describeEvent, type EventReference } from '../event-reference.ts';
import { chainLinkOf, findSealProblem, type ChainLink } from '../sealing/seal.ts';
import type { Progress } from '../progress.ts';

export type ExportVerified = {
  readonly events: number;
  /** Of those, in seals. */
  readonly sealed: number;
  readonly seals: number;
  /** It begins after a seal of that number; 0: at the start of the log. */
  readonly afterSeal: number;
  /** Of the last event. */
  readonly until: string | undefined;
  /** The first thing that is off; undefined: all is as it was sealed. */
  readonly problem: { readonly sentence: string; readonly event: EventReference | undefined } | undefined;
};

type Options = { readonly progress: (progress: Progress) => void; readonly signal: AbortSignal };
type Problem = NonNullable<ExportVerified['problem']>;

/** @returns undefined when aborted. @throws ExportUnusable when there is no whole export in the file */
export const verifyExport = async (file: string, publicKey: string, options: Options): Promise<ExportVerified | undefined> => {
  const { after } = await readExportHead(file);
  const mistake = after && findSealProblem(after, beforeOf(after), publicKey);
  if (mistake)
    return { events: 0, sealed: 0, seals: 0, afterSeal: after.number, until: undefined, problem: { sentence: mistake, event: undefined } };

  const chain = await readChain(file, publicKey, after, options);
  if (!chain) return undefined;
  const checked = await checkEvents(file, chain.seals, options);
  if (!checked) return undefined;
  const broken = await checked.check.findBrokenSeal((number) => marksIn(file, number));
  const { sealsVerified } = checked.check;
  return {
    events: checked.events,
    sealed: chain.seals.slice(0, sealsVerified).reduce((sum, { count }) => sum + count, 0),
    seals: sealsVerified,
    afterSeal: after?.number ?? 0,
    until: checked.until,
    problem: broken ?? chain.problem ?? checked.problem,
  };
};

/** As the seal itself says: what was before it is not in the file. */
const beforeOf = ({ number, total, count, previous }: Seal): ChainLink | undefined =>
  previous === null ? undefined : { number: number - 1, total: total - count, hash: previous };

const sealIn = (line: NumberedLine): { seal: Seal; event: EventReference | undefined } | undefined => {
  if (line.kind === 'seal') return { seal: line.seal, event: undefined };
  if (line.kind !== 'event' || !line.event.text.includes('"type":"ledger.sealed"')) return undefined;
  const event = storedEventOf(line.event);
  return { seal: parseSeal(event), event };
};

/** The seals up to the first that can't be trusted. */
const readChain = async (
  file: string,
  publicKey: string,
  after: Seal | null,
  { progress, signal }: Options,
): Promise<{ seals: ExpectedSeal[]; problem: Problem | undefined } | undefined> => {
  const seals: ExpectedSeal[] = [];
  let before = after ? chainLinkOf(after) : undefined;
  let events = 0;
  let problem: Problem | undefined;
  for await (const { lines, share } of readExportLines(file)) {
    if (signal.aborted) return undefined;
    for (const line of lines) {
      if (line.kind === 'event') events += 1;
      if (problem) continue;
      try {
        const found = sealIn(line);
        if (!found || found.seal.number <= (after?.number ?? 0)) continue; // a seal is an event behind those that it seals
        const sentence = findSealProblem(found.seal, before, publicKey);
        if (sentence) problem = { sentence, event: found.event };
        else {
          seals.push({ number: found.seal.number, count: found.seal.count, root: found.seal.root });
          before = chainLinkOf(found.seal);
        }
      } catch {
        problem = { sentence: `Line ${line.number} holds a seal that can't be read: it was changed.`, event: undefined };
      }
    }
    progress({ step: 'reading the seals', events, share });
  }
  return { seals, problem };
};

/** `problem`: the first thing that is off by itself, whatever the seals say. */
const checkEvents = async (
  file: string,
  seals: readonly ExpectedSeal[],
  { progress, signal }: Options,
): Promise<{ check: SealVerifier; events: number; until: string | undefined; problem: Problem | undefined } | undefined> => {
  const check = new SealVerifier(seals);
  const sealed = seals.reduce((sum, { count }) => sum + count, 0);
  let events = 0;
  let last: EventReference | undefined;
  let problem: Problem | undefined;
  for await (const { lines, share } of readExportLines(file)) {
    if (signal.aborted) return undefined;
    for (const line of lines) {
      if (line.kind !== 'event') continue;
      events += 1;
      const { event, isReadable } = named(line);
      check.add(leafHash(line.event.text), event);
      const name = describeEvent(event).replace(/^t/, 'T');
      if (!isReadable) problem ??= { event, sentence: `${name} was changed: it is not written as Hookledger writes events.` };
      else if (last && event.position <= last.position)
        problem ??= { event, sentence: `${name} was moved: it stands behind ${describeEvent(last)}.` };
      else if (events === sealed + 1)
        problem ??= { event, sentence: `${name} is in no seal: it was added, or the export was made without the key.` };
      last = event;
    }
    progress({ step: 'checking the events', events, share });
  }
  return { check, events, until: last?.position, problem };
};

const named = (line: NumberedLine & { kind: 'event' }): { event: EventReference; isReadable: boolean } => {
  try {
    const { position, type, stream } = storedEventOf(line.event);
    return { event: { position, type, stream }, isReadable: true };
  } catch {
    return { event: { position: `unknown, in line ${line.number}`, type: 'unreadable', stream: 'no known stream' }, isReadable: false };
  }
};

const marksIn = async (file: string, number: number): Promise<string> => {
  for await (const { lines } of readExportLines(file))
    for (const line of lines) {
      const found = line.kind === 'seal' || line.kind === 'event' ? sealIn(line) : undefined;
      if (found?.seal.number === number) return found.seal.marks;
    }
  throw new Error(`Seal ${number} was there, and is there no more.`);
};
