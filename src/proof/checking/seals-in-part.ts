// The seals that one of several parts of a check looks after: each is held against the events that it seals as they pass.
// Limit: after the first that does not hold, the rest say nothing more.
import type { StoredEvent } from '../../event-store/codec.ts';
import { canonicalOf } from '../sealing/canonical-event.ts';
import type { Findings } from './findings.ts';
import { leafHash } from '../sealing/merkle-tree.ts';
import { SealCheck, type ExpectedSeal } from './seal-check.ts';
import { sealingStream } from '../../domain/streams.ts';

export class SealsInPart {
  private readonly active: SealCheck[] = [];
  private next = 0;
  /** Events until the next one begins. */
  private untilNext = 0;
  private isBroken = false;

  constructor(
    private readonly findings: Findings,
    private readonly part: { readonly index: number; readonly of: number },
    /** Of all parts, in order; the first event that is added is the first that they seal. */
    private readonly seals: readonly ExpectedSeal[],
    private readonly marksOf: (number: number) => Promise<string>,
  ) {}

  /** Every event of the log, whatever part it belongs to. */
  async add(stored: StoredEvent): Promise<void> {
    if (this.untilNext === 0 && !this.isBroken) {
      const seal = this.seals[this.next];
      if (seal) {
        if (this.isOurs(this.next)) this.active.push(new SealCheck([seal]));
        this.untilNext = seal.count;
        this.next += 1;
      }
    }
    if (this.untilNext > 0) this.untilNext -= 1;
    if (this.active.length === 0) return;
    const leaf = leafHash(textOf(stored));
    const { position, type, stream } = stored;
    for (const check of this.active.slice()) {
      check.add(leaf, { position, type, stream });
      if (check.isDone) await this.judge(check);
    }
  }

  /** After the last event. */
  async end(): Promise<void> {
    const left = this.seals[this.next];
    if (left && this.active.length === 0 && !this.isBroken && this.isOurs(this.next)) this.active.push(new SealCheck([left]));
    while (this.active[0]) await this.judge(this.active[0]);
  }

  private isOurs(index: number): boolean {
    return index % this.part.of === this.part.index;
  }

  private async judge(check: SealCheck): Promise<void> {
    this.active.splice(this.active.indexOf(check), 1);
    this.findings.checked('seals');
    const broken = await check.broken(this.marksOf);
    if (!broken) return;
    this.isBroken = true;
    const at = broken.event ?? check.lastEvent ?? { position: '', type: 'ledger.sealed', stream: sealingStream };
    this.findings.wrong('seals', at, broken.sentence);
  }
}

const textOf = (stored: StoredEvent): string => {
  try {
    return canonicalOf(stored).text;
  } catch {
    return ''; // no event has this hash
  }
};
