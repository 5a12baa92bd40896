// Compares events with the seals on them, one after the other, and finds the first that is not what was sealed. In memory: the events of one seal.
import type { Seal } from '../../domain/sealing.ts';
import { hexOf, MerkleTree, type Hash } from '../sealing/merkle-tree.ts';
import { firstDifference, type Difference } from '../sealing/seal.ts';

/** What is kept of a seal until its events come. */
export type ExpectedSeal = Pick<Seal, 'number' | 'count' | 'root'>;

/** An event, for people: `The event at position … (message.accepted in message-…)`. */
export type NamedEvent = { readonly position: string; readonly type: string; readonly stream: string };
export const nameOf = ({ position, type, stream }: NamedEvent): string => `the event at position ${position} (${type} in ${stream})`;

/** `event`: the one that is off; of one that was removed, the one that stands in its place now, undefined at the end. */
export type BrokenSeal = {
  readonly number: number;
  readonly what: Difference['what'];
  readonly event: NamedEvent | undefined;
  readonly sentence: string;
};

/** An event that was added pushes the ones that were sealed out of the seal: so many more are looked at. */
const lookAhead = 16;

export class SealCheck {
  private tree = new MerkleTree();
  private leaves: Hash[] = [];
  private events: NamedEvent[] = [];
  private next = 0;
  private broke = false;

  /** @param seals in order; the first event that is added is the first that they seal */
  constructor(private readonly seals: readonly ExpectedSeal[]) {}

  /** Seals whose events were found as they were sealed. */
  get held(): number {
    return this.next;
  }

  /** Whether events that follow can change the outcome. */
  get isDone(): boolean {
    const seal = this.seals[this.next];
    return !seal || (this.broke && this.leaves.length >= seal.count + lookAhead);
  }

  /** An event was found that is not what was sealed. */
  get isBroken(): boolean {
    return this.broke;
  }

  /** Of those since the last seal that held. */
  get lastEvent(): NamedEvent | undefined {
    return this.events.at(-1);
  }

  add(leaf: Hash, event: NamedEvent): void {
    const seal = this.seals[this.next];
    if (!seal || this.isDone) return;
    this.leaves.push(leaf);
    this.events.push(event);
    if (this.broke) return;
    this.tree.add(leaf);
    if (this.tree.size < seal.count) return;
    if (hexOf(this.tree.root()) === seal.root) {
      this.next += 1;
      [this.tree, this.leaves, this.events] = [new MerkleTree(), [], []];
    } else this.broke = true;
  }

  /** After the last event. `marksOf` reads the seal of that number again. @returns the first seal that does not hold */
  async broken(marksOf: (number: number) => Promise<string>): Promise<BrokenSeal | undefined> {
    const seal = this.seals[this.next];
    if (!seal) return undefined;
    const { number } = seal;
    const nextMarks = await marksOf(number + 1).catch(() => ''); // there may be none
    const { what, index } = firstDifference(await marksOf(number), this.leaves, nextMarks);
    const event = this.events[index];
    const before = this.events[index - 1];
    const where = before ? `after ${nameOf(before)}` : 'at its beginning';
    const sentence =
      what === 'removed'
        ? `Of what seal ${number} seals, an event was removed ${where}.`
        : `${event ? nameOf(event).replace(/^t/, 'T') : 'An event'} was ${what}: it is not what seal ${number} seals there.`;
    return { number, what, event, sentence };
  }
}
