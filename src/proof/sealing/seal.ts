// What a seal says: how it is built from events, signed, checked, and compared with the events it covers. Pure functions.
import { hash, sign, verify, type KeyObject } from 'node:crypto';
import type { Seal } from '../../domain/sealing.ts';
import type { Position } from '../../domain/ids.ts';
import { verifyingKeyOf } from '../../secrets/signing-keys.ts';
import { hexOf, MerkleTree, type Hash } from './merkle-tree.ts';

/** A mark is the beginning of an event's hash: enough to find which event was changed. The proof is the root. */
export const bytesPerMark = 6;

/** What a seal says about the events that it covers. */
export type Segment = Pick<Seal, 'position' | 'last' | 'count' | 'root' | 'marks'>;
type SegmentEnd = Pick<Segment, 'last'> & { readonly position: Position };

const initialMarks = 256;

/** Collects events, one by one, until they are sealed. */
export class SegmentBuilder {
  private readonly tree = new MerkleTree();
  /** Only the first `count` marks are in use. */
  private marks = Buffer.alloc(initialMarks * bytesPerMark);
  private end: SegmentEnd | undefined;

  get count(): number {
    return this.tree.size;
  }

  add(leaf: Hash, end: SegmentEnd): void {
    const at = this.count * bytesPerMark;
    if (at === this.marks.length) this.marks = Buffer.concat([this.marks, Buffer.alloc(at)]);
    this.marks.write(leaf, at, bytesPerMark, 'latin1');
    this.tree.add(leaf);
    this.end = end;
  }

  /** Undefined while there are no events. */
  segment(): Segment | undefined {
    if (!this.end) return undefined;
    const marks = this.marks.toString('base64', 0, this.count * bytesPerMark);
    return { ...this.end, count: this.count, root: hexOf(this.tree.root()), marks };
  }
}

/** The text that is signed, and whose hash the next seal contains: every field but the signature, in this order. */
const statementOf = ({ number, position, last, count, total, root, marks, previous, publicKey }: Omit<Seal, 'signature'>): string => {
  const { stream, revision } = last;
  const statement = { number, position, last: { stream, revision }, count, total, root, marks, previous, publicKey };
  return `hookledger seal, version 1\n${JSON.stringify(statement)}`;
};

/** What a seal must continue: the number, the total and the hash of the seal before it. */
export type ChainLink = Pick<Seal, 'number' | 'total'> & { readonly hash: string };
export const chainLinkOf = (seal: Seal): ChainLink => ({
  number: seal.number,
  total: seal.total,
  hash: hash('sha256', statementOf(seal), 'hex'),
});

/** @param previous undefined for the first seal */
export const signSeal = (segment: Segment, previous: ChainLink | undefined, publicKey: string, privateKey: KeyObject): Seal => {
  const unsigned = {
    ...segment,
    number: (previous?.number ?? 0) + 1,
    total: (previous?.total ?? 0) + segment.count,
    previous: previous?.hash ?? null,
    publicKey,
  };
  return { ...unsigned, signature: sign(null, Buffer.from(statementOf(unsigned)), privateKey).toString('base64') };
};

/** What is wrong with a seal's signature, form or place in the chain, as a sentence; undefined if nothing is. @param publicKey the trusted key */
export const findSealProblem = (seal: Seal, link: ChainLink | undefined, publicKey: string): string | undefined => {
  const { number, total, count, previous, signature, marks } = seal;
  if (seal.publicKey !== publicKey) return `Seal ${number} was made with another key, ${seal.publicKey}.`;
  if (!verify(null, Buffer.from(statementOf(seal)), verifyingKeyOf(publicKey), Buffer.from(signature, 'base64')))
    return `The signature of seal ${number} does not match: the seal was changed.`;
  if (number !== (link?.number ?? 0) + 1)
    return `Seal ${number} follows seal ${link?.number ?? 0}: a seal between them was removed or moved.`;
  if (previous !== (link?.hash ?? null) || total !== (link?.total ?? 0) + count)
    return `Seal ${number} does not continue the seal before it: that seal was changed.`;
  if (Buffer.from(marks, 'base64').length !== count * bytesPerMark)
    return `Seal ${number} does not have one mark for each event that it covers.`;
  return undefined;
};

export type SegmentDifference = {
  readonly what: 'changed' | 'removed' | 'added' | 'moved';
  /** Where in the segment the first difference is, from 0. For `removed`: where the event was. */
  readonly index: number;
};

const splitMarks = (base64: string): readonly string[] => Buffer.from(base64, 'base64').toString('hex').match(/.{12}/g) ?? [];

/**
 * The first event that differs from what was sealed.
 * @param found the hashes from the segment's start on, and a few beyond its end if there are any
 * @param nextMarks the marks of the next seal, if there is one: an event of the next segment that moved up has not replaced one of this segment
 */
export const firstDifference = (marks: string, found: readonly Hash[], nextMarks = ''): SegmentDifference => {
  const sealed = splitMarks(marks);
  const here = found.map((leaf) => hexOf(leaf.slice(0, bytesPerMark)));
  const at = sealed.findIndex((mark, i) => here[i] !== mark);
  const index = at === -1 ? sealed.length : at;
  const [expected, actual] = [sealed[index], here[index]];
  if (expected === undefined) return { what: 'changed', index: Math.max(0, sealed.length - 1) };
  const expectedIsAt = here.indexOf(expected, index + 1);
  const actualWasAt = actual === undefined ? -1 : [...sealed, ...splitMarks(nextMarks)].indexOf(actual, index + 1);
  if (expectedIsAt === -1) return { what: actual === undefined || actualWasAt !== -1 ? 'removed' : 'changed', index };
  return { what: actualWasAt === -1 ? 'added' : 'moved', index };
};
