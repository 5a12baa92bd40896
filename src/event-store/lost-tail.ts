// A lost tail: the end of the log is missing, as far as something beside the log knows more of it. Going on would give new events the places of lost
// ones, and views would show both. So the log is refused, unless the operator accepts the loss knowingly.
import type { Position } from '../domain/ids.ts';

export type LostTail = {
  /** Where what is left ends; undefined: nothing is left. */
  readonly endsAt: Position | undefined;
  /** How far the log went at least. */
  readonly knownTo: Position;
};

/** Called with each lost tail that the operator accepts. Without it, none is accepted. */
export type AcceptLostTail = ((lost: LostTail) => void) | undefined;

/** @param witness such as `/data/log.tail says`. @param remedy how to get back what is missing */
export const lostTailSentence = ({ endsAt, knownTo }: LostTail, witness: string, remedy: string): string =>
  `The log ${endsAt === undefined ? 'is empty' : `ends at position ${endsAt}`}, but ${witness} that it went on to ${knownTo}, so events are missing. ${remedy} ${acceptSentence}`;

export const acceptSentence =
  'To go on without what is missing, start once with --accept-lost-tail: the views and due attempts are then rebuilt from what is left, and the log records it.';
