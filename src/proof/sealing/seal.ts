// What a seal says, how it is made of events, signed and checked. Everything here is a function of its arguments.
import { hash, sign, verify, type KeyObject } from 'node:crypto';
import type { Seal } from '../../domain/sealing.ts';
import type { Position } from '../../domain/ids.ts';
import { verifyingKeyOf } from '../../secrets/signing-keys.ts';
import { hexOf, MerkleTree, type Hash } from './merkle-tree.ts';

/** The first bytes of the hash of each event: enough to find the one that was changed. What proves is the root. */
export const markBytes = 6;

/** What a seal says of the events that it seals. */
export type Segment = Pick<Seal, 'position' | 'last' | 'count' | 'root' | 'marks'>;
type Place = Pick<Segment, 'last'> & { readonly position: Position };

const fewestMarks = 256;

/** Gathers events, one after the other, until they are sealed. */
export class SegmentBuilder {
  private readonly tree = new MerkleTree();
  /** One after the other; longer than they are. */
  private marks = Buffer.alloc(fewestMarks * markBytes);
  private end: Place | undefined;

  get count(): number {
    return this.tree.size;
  }

  add(leaf: Hash, end: Place): void {
    const at = this.count * markBytes;
    if (at === this.marks.length) this.marks = Buffer.concat([this.marks, Buffer.alloc(at)]);
    this.marks.write(leaf, at, markBytes, 'latin1');
    this.tree.add(leaf);
    this.end = end;
  }

  /** Undefined: there is nothing in it. */
  segment(): Segment | undefined {
    if (!this.end) return undefined;
    const marks = this.marks.toString('base64', 0, this.count * markBytes);
    return { ...this.end, count: this.count, root: hexOf(this.tree.root()), marks };
  }
}

/** The text that is signed, and whose hash the next seal holds: all of the seal but the signature, in this order. */
const statementOf = ({ number, position, last, count, total, root, marks, previous, publicKey }: Omit<Seal, 'signature'>): string => {
  const { stream, revision } = last;
  const said = { number, position, last: { stream, revision }, count, total, root, marks, previous, publicKey };
  return `hookledger seal, version 1\n${JSON.stringify(said)}`;
};

/** What the next seal says of this one. */
export type SealBefore = Pick<Seal, 'number' | 'total'> & { readonly hash: string };
export const asBefore = (seal: Seal): SealBefore => ({
  number: seal.number,
  total: seal.total,
  hash: hash('sha256', statementOf(seal), 'hex'),
});

export const signSeal = (segment: Segment, before: SealBefore | undefined, publicKey: string, privateKey: KeyObject): Seal => {
  const said = {
    ...segment,
    number: (before?.number ?? 0) + 1,
    total: (before?.total ?? 0) + segment.count,
    previous: before?.hash ?? null,
    publicKey,
  };
  return { ...said, signature: sign(null, Buffer.from(statementOf(said)), privateKey).toString('base64') };
};

/** What is wrong with a seal by itself and with its place in the chain, as a sentence; undefined: nothing. `publicKey`: the one that is trusted. */
export const mistakeIn = (seal: Seal, before: SealBefore | undefined, publicKey: string): string | undefined => {
  const { number, total, count, previous, signature, marks } = seal;
  if (seal.publicKey !== publicKey) return `Seal ${number} was made with another key, ${seal.publicKey}.`;
  if (!verify(null, Buffer.from(statementOf(seal)), verifyingKeyOf(publicKey), Buffer.from(signature, 'base64')))
    return `The signature of seal ${number} does not hold: it was changed.`;
  if (number !== (before?.number ?? 0) + 1)
    return `Seal ${number} follows seal ${before?.number ?? 0}: one between them was removed or moved.`;
  if (previous !== (before?.hash ?? null) || total !== (before?.total ?? 0) + count)
    return `Seal ${number} does not follow the seal before it: that one was changed.`;
  if (Buffer.from(marks, 'base64').length !== count * markBytes) return `Seal ${number} does not have a mark for each event that it seals.`;
  return undefined;
};

export type Difference = {
  readonly what: 'changed' | 'removed' | 'added' | 'moved';
  /** The first place in the segment that is off, from 0. Of `removed`: where it stood. */
  readonly index: number;
};

const marksIn = (base64: string): readonly string[] => Buffer.from(base64, 'base64').toString('hex').match(/.{12}/g) ?? [];

/**
 * The first event that differs from what was sealed. `found`: the leaves from the segment's beginning on, a few more than were sealed if there are.
 * @param nextMarks of the seal after, if there is one: what it seals has not taken the place of an event of this one, but moved up
 */
export const firstDifference = (marks: string, found: readonly Hash[], nextMarks = ''): Difference => {
  const sealed = marksIn(marks);
  const here = found.map((leaf) => hexOf(leaf.slice(0, markBytes)));
  const at = sealed.findIndex((mark, i) => here[i] !== mark);
  const index = at === -1 ? sealed.length : at;
  const [expected, actual] = [sealed[index], here[index]];
  if (expected === undefined) return { what: 'changed', index: Math.max(0, sealed.length - 1) };
  const expectedStandsAt = here.indexOf(expected, index + 1);
  const actualWasAt = actual === undefined ? -1 : [...sealed, ...marksIn(nextMarks)].indexOf(actual, index + 1);
  if (expectedStandsAt === -1) return { what: actual === undefined || actualWasAt !== -1 ? 'removed' : 'changed', index };
  return { what: actualWasAt === -1 ? 'added' : 'moved', index };
};
