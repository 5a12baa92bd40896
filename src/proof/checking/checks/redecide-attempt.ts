// Decides an attempt's event again: would the decider have written it, given the events before it? The command is reconstructed from the event.
import { attempts, type Attempts, type AttemptsCommand, type RetryPolicy, type Step } from '../../../domain/attempts.ts';
import { jsonEqual, type Json } from '../../../domain/json.ts';
import type { EventOf } from '../event-category.ts';
import type { Exhausted, HoldsKey } from '../tracked-deliveries.ts';

/** An event of a delivery or a batch about its attempts. */
export type AttemptEvent = EventOf<'delivery'> | Exclude<EventOf<'batch'>, { type: 'batch.closed' }>;

/** The step that the event records, without whose step it is. */
export const stepOf = ({ type, data }: AttemptEvent): Step => ({ type: type.slice(type.indexOf('.') + 1), data }) as Step; // the catalog builds these events from steps

type RedecidedAttempt = {
  /** What is wrong, as a sentence; undefined if nothing is. */
  readonly problem: string | undefined;
  readonly state: Attempts;
  /** What the next event must say. */
  readonly expectedExhausted: Exhausted | undefined;
};

/** A retry's recorded time goes in as `notBefore`: the decider repeats it only if the policy allows it. */
const commandFor = (step: Exclude<Step, { type: 'exhausted' }>, policy: RetryPolicy, holdsKey: HoldsKey): AttemptsCommand => {
  switch (step.type) {
    case 'attempt-succeeded':
      return { type: 'RecordSuccess', record: step.data };
    case 'attempt-failed': {
      const { failure, error, retryAt, heldUntil, seriesSince, failingMs } = step.data;
      const [notBefore, held] = [retryAt, heldUntil].map((at) => (at === undefined ? undefined : new Date(at)));
      const hold = { holdsKey: holdsKey !== false };
      return {
        type: 'RecordFailure',
        record: step.data,
        failure,
        error,
        policy,
        random: 0,
        heldUntil: held,
        seriesSince,
        failingMs,
        notBefore,
        ...hold,
      };
    }
    case 'retry-requested':
      // The stream does not tell whether it was delayed.
      return { type: 'RequestRetry', now: new Date(step.data.at), isDelayed: true, bulkRetryId: step.data.bulkRetryId };
    case 'replay-requested':
      return { type: 'Replay', now: new Date(step.data.at), replayId: step.data.replayId };
    case 'cancelled':
      return { type: 'Cancel', now: new Date(step.data.at), reason: step.data.reason };
  }
};

const reopenedFields = ({ data: { reopened } }: Extract<Step, { type: 'retry-requested' | 'replay-requested' }>): Json =>
  reopened ? [reopened.status, reopened.endedAt, reopened.holdsKey ?? false] : null;

/** The fields that the decider computes, as opposed to those that the command brings. */
const decidedFields = (step: Step | undefined): Json | undefined => {
  switch (step?.type) {
    case 'attempt-failed':
      return [step.type, step.data.attempt, step.data.failuresInSeries, step.data.retryAt ?? null, step.data.seriesSince ?? null];
    case 'attempt-succeeded':
      return [step.type, step.data.attempt];
    case 'retry-requested':
      return [step.type, step.data.attempt, reopenedFields(step), step.data.bulkRetryId ?? null];
    case 'replay-requested':
      return [step.type, step.data.attempt, reopenedFields(step), step.data.replayId];
    case 'cancelled':
      return [step.type, step.data.failedAt ?? null];
    default:
      return step && [step.type];
  }
};

const describe = (state: Attempts) => (state.status === 'pending' ? `open, with attempt ${state.attempt} next` : state.status);

const anyPolicy: RetryPolicy = { delaysSeconds: [], jitter: 0 };

/**
 * @param expectedExhausted what this step must say, if the one before it was a last attempt that failed
 * @param policyAt the endpoint's retry policy at a revision; undefined if there is no such revision
 * @param holdsKeyAt whether a last failed attempt leaves its ordering key held, by the endpoint's settings at a revision
 */
export const redecideAttempt = (
  step: Step,
  before: Attempts,
  expectedExhausted: Exhausted | undefined,
  policyAt: (endpointRevision: number) => RetryPolicy | undefined,
  holdsKeyAt: (endpointRevision: number) => HoldsKey,
): RedecidedAttempt => {
  const state = attempts.evolve(before, step);
  const wrong = (problem: string): RedecidedAttempt => ({ problem, state, expectedExhausted: undefined });
  if (step.type === 'exhausted') {
    if (!expectedExhausted) return wrong(`It says that no further attempt follows, but the delivery was ${describe(before)}.`);
    const { attempts: last, at, holdsKey } = expectedExhausted;
    const isSame =
      step.data.attempts === last && step.data.at === at && (holdsKey === 'unknown' || holdsKey === (step.data.holdsKey ?? false));
    return isSame ? { problem: undefined, state, expectedExhausted: undefined } : wrong('It contradicts the last attempt.');
  }
  if (expectedExhausted) return wrong(`Attempt ${expectedExhausted.attempts} before it failed for good, but no event says so.`);
  const policy = step.type === 'attempt-failed' ? policyAt(step.data.endpointRevision) : anyPolicy;
  if (!policy) return wrong('It names a configuration that its endpoint never had.');
  const holdsKey = step.type === 'attempt-failed' && holdsKeyAt(step.data.endpointRevision);
  const [decided, next] = attempts.decide(commandFor(step, policy, holdsKey), before);
  if (!jsonEqual(decidedFields(decided), decidedFields(step)))
    return wrong(
      decided
        ? `The decider would have written ${JSON.stringify(decidedFields(decided))}, not ${JSON.stringify(decidedFields(step))}.`
        : `It could not happen: the delivery was ${describe(before)}.`,
    );
  if (next?.type !== 'exhausted') return { problem: undefined, state, expectedExhausted: undefined };
  const expected = { ...next.data, holdsKey: holdsKey === 'unknown' ? holdsKey : (next.data.holdsKey ?? false) };
  return { problem: undefined, state, expectedExhausted: expected };
};
