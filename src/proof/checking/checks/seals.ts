// Checks that events match the seals on them, and that no seal is missing. Each partition verifies its share of the seals.
// Limit: nothing is reported after the first seal that does not match.
import { sealingStream } from '../../../domain/streams.ts';
import type { StoredEvent } from '../../../event-store/codec.ts';
import type { EventReference } from '../../event-reference.ts';
import { canonicalOf } from '../../sealing/canonical-event.ts';
import { leafHash } from '../../sealing/merkle-tree.ts';
import type { Findings } from '../findings.ts';
import type { Partition } from '../partition.ts';
import { SealVerifier, type ExpectedSeal } from '../seal-verifier.ts';

export class SealCheck {
  private readonly active: SealVerifier[] = [];
  private next = 0;
  /** Events left until the next seal's first one. */
  private untilNext = 0;
  private isBroken = false;

  /** @param seals of all partitions, in order; the first event that is added is the first that they cover */
  constructor(
    private readonly findings: Findings,
    private readonly partition: Partition,
    private readonly seals: readonly ExpectedSeal[],
    private readonly readMarks: (number: number) => Promise<string>,
  ) {}

  /** Takes every event of the log, whatever its partition. */
  check(stored: StoredEvent): Promise<void> | undefined {
    if (this.untilNext === 0 && !this.isBroken) this.startNext();
    if (this.untilNext > 0) this.untilNext -= 1;
    if (this.active.length === 0) return undefined;
    const leaf = leafHash(textOf(stored));
    const { position, type, stream } = stored;
    for (const verifier of this.active) verifier.add(leaf, { position, type, stream });
    const done = this.active.filter(({ isDone }) => isDone);
    return done.length > 0 ? this.finishAll(done) : undefined;
  }

  /** Call after the last event. */
  async end(): Promise<void> {
    const left = this.seals[this.next];
    if (left && this.active.length === 0 && !this.isBroken && this.isOurs(this.next)) this.active.push(new SealVerifier([left]));
    while (this.active[0]) await this.finish(this.active[0]);
  }

  private startNext(): void {
    const seal = this.seals[this.next];
    if (!seal) return;
    if (this.isOurs(this.next)) this.active.push(new SealVerifier([seal]));
    this.untilNext = seal.count;
    this.next += 1;
  }

  private isOurs(index: number): boolean {
    return index % this.partition.count === this.partition.index;
  }

  private async finishAll(verifiers: readonly SealVerifier[]): Promise<void> {
    for (const verifier of verifiers) await this.finish(verifier);
  }

  private async finish(verifier: SealVerifier): Promise<void> {
    this.active.splice(this.active.indexOf(verifier), 1);
    this.findings.checked('seals');
    const broken = await verifier.findBrokenSeal(this.readMarks);
    if (!broken) return;
    this.isBroken = true;
    const at = broken.event ?? verifier.lastEvent ?? { position: '', type: 'ledger.sealed', stream: sealingStream };
    this.findings.wrong('seals', at, broken.sentence);
  }
}

/** An event that holds a seal. Number 0 is the key. */
export type SealReference = EventReference & { readonly number: number };

/** Checks that the stream of the key and the seals is complete. */
export class SealOrderCheck {
  newest: SealReference | undefined;

  constructor(
    private readonly findings: Findings,
    private readonly isFromStart: boolean,
  ) {}

  /** Takes every event of that stream. */
  check(stored: StoredEvent): void {
    const { position, type, stream, revision } = stored;
    const expected = this.newest ? this.newest.number + 1 : this.isFromStart ? 0 : revision;
    this.newest = { number: revision, position, type, stream };
    if (revision <= expected) return;
    const missing = expected === 0 ? 'the key of the seals' : `seal ${expected}`;
    this.findings.wrong('seals', stored, `Before it, ${missing} is missing: it was removed.`);
  }
}

const textOf = (stored: StoredEvent): string => {
  try {
    return canonicalOf(stored).text;
  } catch {
    return ''; // no event has this text, so its seal does not match
  }
};
