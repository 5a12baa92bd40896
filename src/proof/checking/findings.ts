// What a verification found: for each check, how much it checked, how many events are wrong, and the first of them.
import type { EventReference } from '../event-reference.ts';

/** What each check establishes, in the order of the report. */
export const checks = {
  decodes: 'every event can be read',
  revisions: 'streams have no gaps',
  ids: 'ids follow from what they identify',
  routing: 'messages went where the configuration said',
  states: 'each event can follow the ones before it',
  conservation: 'every delivery was routed, and counts once',
  seals: 'events match their seals',
  views: 'the views match the log',
} as const;
export type CheckName = keyof typeof checks;
const isCheckName = (name: string): name is CheckName => name in checks;
export const checkNames: readonly CheckName[] = Object.keys(checks).filter((name) => isCheckName(name));

/** A wrong event, and a sentence that says what is wrong with it. */
type Finding = EventReference & { readonly sentence: string };
type CheckOutcome = { readonly checked: number; readonly wrong: number; readonly first: Finding | undefined };
export type Results = Readonly<Record<CheckName, CheckOutcome>>;

type Tally = { checked: number; wrong: number; first: Finding | undefined };
const newTally = (): Tally => ({ checked: 0, wrong: 0, first: undefined });

export class Findings {
  private readonly tallies: Record<CheckName, Tally> = {
    decodes: newTally(),
    revisions: newTally(),
    ids: newTally(),
    routing: newTally(),
    states: newTally(),
    conservation: newTally(),
    seals: newTally(),
    views: newTally(),
  };

  checked(name: CheckName, count = 1): void {
    this.tallies[name].checked += count;
  }

  /** Calls may come in any order: the finding with the lowest position counts as the first. */
  wrong(name: CheckName, { position, type, stream }: EventReference, sentence: string): void {
    const tally = this.tallies[name];
    tally.wrong += 1;
    if (!tally.first || position < tally.first.position) tally.first = { position, type, stream, sentence };
  }

  results(): Results {
    return this.tallies;
  }

  /** Adds what another thread found. */
  add(results: Results): void {
    for (const name of checkNames) {
      const { checked, wrong, first } = results[name];
      const tally = this.tallies[name];
      tally.checked += checked;
      tally.wrong += wrong;
      if (first && (!tally.first || first.position < tally.first.position)) tally.first = first;
    }
  }
}
