// Verifies an export with nothing but a public key: its seals form a chain that this key signed, and every event is what was sealed.
// Reads the file twice, for the seals and for the events, and a third time to find a wrong event. So memory does not grow with the file.
import type { Seal } from '../../domain/sealing.ts';
import { storedEventOf } from '../sealing/canonical-event.ts';
import { readExportHead, readExportLines, type NumberedLine } from './export-reader.ts';
import { leafHash } from '../sealing/merkle-tree.ts';
import { parseSeal } from '../sealing/stored-seals.ts';
import { SealVerifier, type ExpectedSeal } from '../checking/seal-verifier.ts';
import { describeEvent, type EventReference } from '../event-reference.ts';
import { chainLinkOf, findSealProblem, type ChainLink } from '../sealing/seal.ts';
import type { Progress } from '../progress.ts';

type ExportVerification = {
  readonly events: number;
  /** How many of them valid seals cover. */
  readonly sealed: number;
  readonly seals: number;
  /** The number of the seal before the first event; 0 if that is the first event of the log. */
  readonly afterSeal: number;
  /** The last event's position. */
  readonly until: string | undefined;
  /** The first thing that is wrong; undefined if everything is as it was sealed. */
  readonly problem: { readonly sentence: string; readonly event: EventReference | undefined } | undefined;
};

type Options = { readonly progress: (progress: Progress) => void; readonly signal: AbortSignal };
type Problem = NonNullable<ExportVerification['problem']>;

/** @returns undefined if aborted. @throws ExportUnusable if the file is not a whole export */
export const verifyExport = async (file: string, publicKey: string, options: Options): Promise<ExportVerification | undefined> => {
  const { after } = await readExportHead(file);
  const sentence = after && findSealProblem(after, linkBefore(after), publicKey);
  if (sentence)
    return { events: 0, sealed: 0, seals: 0, afterSeal: after.number, until: undefined, problem: { sentence, event: undefined } };

  const chain = await readSealChain(file, publicKey, after, options);
  if (!chain) return undefined;
  const checked = await checkEvents(file, chain.seals, options);
  if (!checked) return undefined;
  const broken = await checked.verifier.findBrokenSeal((number) => findMarks(file, number));
  const { sealsVerified } = checked.verifier;
  return {
    events: checked.events,
    sealed: chain.seals.slice(0, sealsVerified).reduce((sum, { count }) => sum + count, 0),
    seals: sealsVerified,
    afterSeal: after?.number ?? 0,
    until: checked.until,
    problem: broken ?? chain.problem ?? checked.problem,
  };
};

/** What the seal itself says about the one before it, which is not in the file. */
const linkBefore = ({ number, total, count, previous }: Seal): ChainLink | undefined =>
  previous === null ? undefined : { number: number - 1, total: total - count, hash: previous };

const parseSealLine = (line: NumberedLine): { seal: Seal; event: EventReference | undefined } | undefined => {
  if (line.kind === 'seal') return { seal: line.seal, event: undefined };
  if (line.kind !== 'event' || !line.event.text.includes('"type":"ledger.sealed"')) return undefined;
  const event = storedEventOf(line.event);
  return { seal: parseSeal(event), event };
};

/** The seals up to the first one that is wrong. */
const readSealChain = async (
  file: string,
  publicKey: string,
  after: Seal | null,
  { progress, signal }: Options,
): Promise<{ seals: ExpectedSeal[]; problem: Problem | undefined } | undefined> => {
  const seals: ExpectedSeal[] = [];
  let link = after ? chainLinkOf(after) : undefined;
  let events = 0;
  let problem: Problem | undefined;
  for await (const { lines, share } of readExportLines(file)) {
    if (signal.aborted) return undefined;
    for (const line of lines) {
      if (line.kind === 'event') events += 1;
      if (problem) continue;
      try {
        const found = parseSealLine(line);
        if (!found || found.seal.number <= (after?.number ?? 0)) continue; // a seal is recorded after the events that it covers, so a part contains the seal that it starts after
        const sentence = findSealProblem(found.seal, link, publicKey);
        if (sentence) problem = { sentence, event: found.event };
        else {
          seals.push({ number: found.seal.number, count: found.seal.count, root: found.seal.root });
          link = chainLinkOf(found.seal);
        }
      } catch {
        problem = { sentence: `Line ${line.number} holds an unreadable seal: it was changed.`, event: undefined };
      }
    }
    progress({ step: 'reading the seals', events, share });
  }
  return { seals, problem };
};

/** `problem`: the first thing that is wrong whatever the seals say. */
const checkEvents = async (
  file: string,
  seals: readonly ExpectedSeal[],
  { progress, signal }: Options,
): Promise<{ verifier: SealVerifier; events: number; until: string | undefined; problem: Problem | undefined } | undefined> => {
  const verifier = new SealVerifier(seals);
  const sealed = seals.reduce((sum, { count }) => sum + count, 0);
  let events = 0;
  let last: EventReference | undefined;
  let problem: Problem | undefined;
  for await (const { lines, share } of readExportLines(file)) {
    if (signal.aborted) return undefined;
    for (const line of lines) {
      if (line.kind !== 'event') continue;
      events += 1;
      const { event, isReadable } = referenceOf(line);
      verifier.add(leafHash(line.event.text), event);
      const name = describeEvent(event).replace(/^t/, 'T');
      if (!isReadable) problem ??= { event, sentence: `${name} was changed: it is not written as Hookledger writes events.` };
      else if (last && event.position <= last.position)
        problem ??= { event, sentence: `${name} was moved: it comes after ${describeEvent(last)}.` };
      else if (events === sealed + 1)
        problem ??= { event, sentence: `${name} is in no seal: it was added, or the export was made without the key.` };
      last = event;
    }
    progress({ step: 'checking the events', events, share });
  }
  return { verifier, events, until: last?.position, problem };
};

const referenceOf = (line: NumberedLine & { kind: 'event' }): { event: EventReference; isReadable: boolean } => {
  try {
    const { position, type, stream } = storedEventOf(line.event);
    return { event: { position, type, stream }, isReadable: true };
  } catch {
    return { event: { position: `unknown, in line ${line.number}`, type: 'unreadable', stream: 'no known stream' }, isReadable: false };
  }
};

const findMarks = async (file: string, number: number): Promise<string> => {
  for await (const { lines } of readExportLines(file))
    for (const line of lines) {
      const found = line.kind === 'seal' || line.kind === 'event' ? parseSealLine(line) : undefined;
      if (found?.seal.number === number) return found.seal.marks;
    }
  throw new Error(`Seal ${number} is no longer in the file: it changed meanwhile.`);
};
