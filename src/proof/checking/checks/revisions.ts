// Checks that nothing is missing: a stream's revisions count up from 0, and so do the positions of the embedded log.
import type { StoredEvent } from '../../../event-store/codec.ts';
import type { EventReference } from '../../event-reference.ts';
import type { Findings } from '../findings.ts';

/** @returns whether the event follows the one before it in its stream */
export const checkRevision = (findings: Findings, event: EventReference & { readonly revision: number }, expected: number): boolean => {
  findings.checked('revisions');
  const { revision } = event;
  if (revision === expected) return true;
  const sentence =
    revision < expected
      ? `It has revision ${revision}, like another event of its stream.`
      : `Before it, revision ${expected === revision - 1 ? expected : `${expected} to ${revision - 1}`} of its stream is missing.`;
  findings.wrong('revisions', event, sentence);
  return false;
};

export class PositionCheck {
  private last: number | undefined;

  /** @param isFromStart the first event that is checked is the first of the log */
  constructor(
    private readonly findings: Findings,
    private readonly isFromStart: boolean,
  ) {}

  /** Takes every event of the log, in order. */
  check(event: StoredEvent): void {
    const sequence = Number(event.position);
    const expected = (this.last ?? (this.isFromStart ? 0 : sequence - 1)) + 1;
    this.last = sequence;
    if (sequence === expected) return;
    const missing = expected === sequence - 1 ? `position ${expected}` : `positions ${expected} to ${sequence - 1}`;
    this.findings.wrong('revisions', event, `The event before it is missing from the log: ${missing}.`);
  }
}
