// Compares events, one by one, with the seals on them, and finds the first event that is not what was sealed. Keeps the events of one seal in memory.
import type { Seal } from '../../domain/sealing.ts';
import { describeEvent, type EventReference } from '../event-reference.ts';
import { hexOf, MerkleTree, type Hash } from '../sealing/merkle-tree.ts';
import { firstDifference, type SegmentDifference } from '../sealing/seal.ts';

/** What is remembered of a seal until its events have been read. */
export type ExpectedSeal = Pick<Seal, 'number' | 'count' | 'root'>;

/** `event`: the event that differs. For a removed event: the one in its place now, or undefined at the end. */
type BrokenSeal = {
  readonly number: number;
  readonly what: SegmentDifference['what'];
  readonly event: EventReference | undefined;
  readonly sentence: string;
};

/** Added events push sealed ones beyond the segment's end: read so many more to find them. */
const lookAhead = 16;

export class SealVerifier {
  private tree = new MerkleTree();
  private leaves: Hash[] = [];
  private events: EventReference[] = [];
  private next = 0;
  private broken = false;

  /** @param seals in order; the first event that is added is the first that they cover */
  constructor(private readonly seals: readonly ExpectedSeal[]) {}

  /** How many seals match their events. */
  get sealsVerified(): number {
    return this.next;
  }

  /** No further event can change the outcome. */
  get isDone(): boolean {
    const seal = this.seals[this.next];
    return !seal || (this.broken && this.leaves.length >= seal.count + lookAhead);
  }

  /** The last event added since the last seal that matched. */
  get lastEvent(): EventReference | undefined {
    return this.events.at(-1);
  }

  add(leaf: Hash, event: EventReference): void {
    const seal = this.seals[this.next];
    if (!seal || this.isDone) return;
    this.leaves.push(leaf);
    this.events.push(event);
    if (this.broken) return;
    this.tree.add(leaf);
    if (this.tree.size < seal.count) return;
    if (hexOf(this.tree.root()) === seal.root) {
      this.next += 1;
      [this.tree, this.leaves, this.events] = [new MerkleTree(), [], []];
    } else this.broken = true;
  }

  /** Call after the last event. @param readMarks rereads a seal by its number. @returns the first seal that does not match its events */
  async findBrokenSeal(readMarks: (number: number) => Promise<string>): Promise<BrokenSeal | undefined> {
    const seal = this.seals[this.next];
    if (!seal) return undefined;
    const { number } = seal;
    const nextMarks = await readMarks(number + 1).catch(() => ''); // there may be no next seal
    const { what, index } = firstDifference(await readMarks(number), this.leaves, nextMarks);
    const event = this.events[index];
    const before = this.events[index - 1];
    const where = before ? `after ${describeEvent(before)}` : 'at its start';
    const sentence =
      what === 'removed'
        ? `An event under seal ${number} was removed ${where}.`
        : `${event ? describeEvent(event).replace(/^t/, 'T') : 'An event'} was ${what}: seal ${number} covers another event there.`;
    return { number, what, event, sentence };
  }
}
