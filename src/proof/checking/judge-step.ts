// Whether a step is one that the decider of attempts decides on the state before it. The command is made from the event, and decided again.
import { attempts, type Attempts, type AttemptsCommand, type RetryPolicy, type Step } from '../../domain/attempts.ts';
import { jsonEqual, type Json } from '../../domain/json.ts';

export type Exhausted = Extract<Step, { type: 'exhausted' }>['data'];
export type Judged = {
  /** What is wrong, as a sentence. */
  readonly mistake: string | undefined;
  readonly state: Attempts;
  /** What must follow. */
  readonly exhausted: Exhausted | undefined;
};

/** `notBefore` is the time that was recorded: it is decided again only if the policy allows it. */
const commandFor = (step: Exclude<Step, { type: 'exhausted' }>, policy: RetryPolicy): AttemptsCommand => {
  switch (step.type) {
    case 'attempt-succeeded':
      return { type: 'RecordSuccess', record: step.data };
    case 'attempt-failed': {
      const { failure, error, retryAt } = step.data;
      const notBefore = retryAt === undefined ? undefined : new Date(retryAt);
      return { type: 'RecordFailure', record: step.data, failure, error, policy, random: 0, notBefore };
    }
    case 'retry-requested':
      return { type: 'RequestRetry', now: new Date(step.data.at) };
    case 'replay-requested':
      return { type: 'Replay', now: new Date(step.data.at), replayId: step.data.replayId };
    case 'cancelled':
      return { type: 'Cancel', now: new Date(step.data.at), reason: step.data.reason };
  }
};

/** What a decision says, of the fields that it decides. */
const decidedFields = (step: Step | undefined): Json | undefined => {
  switch (step?.type) {
    case 'attempt-failed':
      return [step.type, step.data.attempt, step.data.failuresInSeries, step.data.retryAt ?? null];
    case 'attempt-succeeded':
      return [step.type, step.data.attempt];
    case 'retry-requested':
      return [step.type, step.data.attempt, step.data.reopened ?? null];
    case 'replay-requested':
      return [step.type, step.data.attempt, step.data.reopened ?? null, step.data.replayId];
    default:
      return step && [step.type];
  }
};

const describe = (state: Attempts) => (state.status === 'pending' ? `open, with attempt ${state.attempt} next` : state.status);

/** @param due what the step before said must follow. @param policyAt the retry policy of the endpoint at a revision; undefined: there is no such revision */
export const judgeStep = (
  step: Step,
  before: Attempts,
  due: Exhausted | undefined,
  policyAt: (endpointRevision: number) => RetryPolicy | undefined,
): Judged => {
  const state = attempts.evolve(before, step);
  const wrong = (mistake: string): Judged => ({ mistake, state, exhausted: undefined });
  if (step.type === 'exhausted') {
    if (!due) return wrong(`It says that there is no further attempt, though it was ${describe(before)}.`);
    const isSame = step.data.attempts === due.attempts && step.data.at === due.at;
    return isSame ? { mistake: undefined, state, exhausted: undefined } : wrong('It does not say what the last attempt did.');
  }
  if (due) return wrong(`Attempt ${due.attempts} failed for good before it, and no event says so.`);
  const policy = step.type === 'attempt-failed' ? policyAt(step.data.endpointRevision) : anyPolicy;
  if (!policy) return wrong('It names a configuration of its endpoint that never was.');
  const [decided, next] = attempts.decide(commandFor(step, policy), before);
  if (!jsonEqual(decidedFields(decided), decidedFields(step)))
    return wrong(
      decided
        ? `By the decider it would have said ${JSON.stringify(decidedFields(decided))}, not ${JSON.stringify(decidedFields(step))}.`
        : `It could not happen: it was ${describe(before)}.`,
    );
  return { mistake: undefined, state, exhausted: next?.type === 'exhausted' ? next.data : undefined };
};
const anyPolicy: RetryPolicy = { delaysSeconds: [], jitter: 0 };
