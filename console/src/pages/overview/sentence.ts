// The sentence at the top of the overview. Pure.
import { durationInWords } from '../../components/time.ts';

type Standing = {
  readonly endpoints: number;
  readonly failing: number;
  readonly waiting: number;
  /** Null: nothing is due, or the caller may not know. */
  readonly oldestDueSeconds: number | null;
};

const number = (value: number) => value.toLocaleString('en-US');

/** "3 of 48 endpoints fail; 1,204 wait; oldest due 4 s". */
export const sentenceOfStanding = ({ endpoints, failing, waiting, oldestDueSeconds }: Standing): string => {
  const of = endpoints === 1 ? 'endpoint' : 'endpoints';
  const fail =
    failing === 0
      ? `None of ${number(endpoints)} ${of} fails`
      : `${number(failing)} of ${number(endpoints)} ${of} ${failing === 1 ? 'fails' : 'fail'}`;
  const wait = waiting === 0 ? 'nothing waits' : `${number(waiting)} ${waiting === 1 ? 'waits' : 'wait'}`;
  const due =
    waiting === 0 || oldestDueSeconds === null || oldestDueSeconds < 1
      ? []
      : [`oldest due ${durationInWords(Math.round(oldestDueSeconds))}`];
  return [fail, wait, ...due].join('; ');
};
