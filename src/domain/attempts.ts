// Attempts: the steps of a delivery, or of a batch of deliveries, until it ends. Both give these steps names of their own.
// Invariants: a failed attempt of a running series records when the next one is due, or that there is none;
// every attempt that was made is recorded, even if the delivery was cancelled meanwhile.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { replayId, type ReplayId } from './ids.ts';

export const failureReasons = ['HTTP_STATUS', 'REDIRECT', 'TIMEOUT', 'DNS', 'CONNECTION', 'TLS', 'BLOCKED_ADDRESS', 'FORMAT'] as const;
export type FailureReason = (typeof failureReasons)[number];

// ── Steps ── Part of the storage format of deliveries and batches. Never edit one: add a version and an upcaster.

const at = z.string().describe('ISO 8601');

const record = z.object({
  attempt: z.int().positive().describe('1 for the first; later series continue the count.'),
  startedAt: at,
  durationMs: z.number().nonnegative(),
  url: z.string().describe('With its secret parts masked. The whole URL is that of the revision.'),
  endpointRevision: z.int().nonnegative().describe("The revision of the endpoint's stream that this attempt was configured by."),
  bodySha256: z.string().describe('Hex SHA-256 of the request body; absent if no body could be made.').optional(),
  requestHeaders: z.record(z.string(), z.string()).describe("As sent. The endpoint's own are masked, but for harmless ones."),
  responseCode: z.int().optional(),
  responseHeaders: z.record(z.string(), z.string()).describe('Those that set credentials are masked.').optional(),
  responseBody: z.string().describe('The first 4 KiB.').optional(),
});
/** One HTTP request and its response. */
export type AttemptRecord = z.infer<typeof record>;

const reopened = z
  .object({ status: z.enum(['succeeded', 'failed', 'cancelled']), endedAt: at })
  .describe('How the delivery had ended before; absent if it was still open.')
  .optional();
const nextAttempt = z.int().positive().describe('The number of the next attempt.');

/** The fields of each step. Deliveries and batches add their subject. */
export const stepFields = {
  succeeded: record.shape,
  failed: {
    ...record.shape,
    failure: z.enum(failureReasons),
    error: z.string().describe('One sentence that a person understands.'),
    failuresInSeries: z.int().nonnegative().describe('Failed attempts of the running series, including this one.'),
    retryAt: at.describe('When the next attempt is due; absent: there is none.').optional(),
  },
  exhausted: { attempts: z.int().positive().describe('All attempts that were made.'), at },
  retryRequested: { at, attempt: nextAttempt, reopened },
  replayRequested: { at, attempt: nextAttempt, reopened, replayId: replayId.describe('The replay that sends it.') },
  cancelled: { at, reason: z.string() },
} as const;

type Fields<F extends z.ZodRawShape> = z.infer<z.ZodObject<F>>;
export type Step =
  | { type: 'attempt-succeeded'; data: AttemptRecord }
  | { type: 'attempt-failed'; data: Fields<typeof stepFields.failed> }
  | { type: 'exhausted'; data: Fields<typeof stepFields.exhausted> }
  | { type: 'retry-requested'; data: Fields<typeof stepFields.retryRequested> }
  | { type: 'replay-requested'; data: Fields<typeof stepFields.replayRequested> }
  | { type: 'cancelled'; data: Fields<typeof stepFields.cancelled> };

/** When an attempt ended (ISO 8601). */
export const attemptEndedAt = ({ startedAt, durationMs }: { startedAt: string; durationMs: number }) =>
  new Date(Date.parse(startedAt) + Math.round(durationMs)).toISOString();

// ── State ── `attempt` is the number of the next attempt.

export type Attempts = (
  | {
      status: 'pending';
      attempt: number;
      failuresInSeries: number;
      /** Somebody asked for this attempt. */
      isRequested?: true;
    }
  | { status: 'succeeded' | 'failed' | 'cancelled'; attempt: number; endedAt: string }
) & {
  /** The replays that sent it, each once. Absent: none. */
  replays?: readonly ReplayId[];
};

const evolve = (state: Attempts, step: Step): Attempts => {
  const replays = step.type === 'replay-requested' ? [...(state.replays ?? []), step.data.replayId] : state.replays;
  return replays ? { ...evolved(state, step), replays } : evolved(state, step);
};

const evolved = (state: Attempts, step: Step): Attempts => {
  switch (step.type) {
    case 'attempt-succeeded':
      return { status: 'succeeded', attempt: step.data.attempt + 1, endedAt: attemptEndedAt(step.data) };
    case 'attempt-failed': {
      const attempt = step.data.attempt + 1;
      if (state.status !== 'pending') return { ...state, attempt };
      return { status: 'pending', attempt, failuresInSeries: step.data.failuresInSeries };
    }
    case 'exhausted':
      return { status: 'failed', attempt: step.data.attempts + 1, endedAt: step.data.at };
    case 'retry-requested':
    case 'replay-requested':
      return { status: 'pending', attempt: state.attempt, failuresInSeries: 0, isRequested: true };
    case 'cancelled':
      return { status: 'cancelled', attempt: state.attempt, endedAt: step.data.at };
  }
};

// ── Decisions ── Time, jitter and the policy arrive as data, so `decide` stays a function.

/** Attempt n+1 comes delaysSeconds[n] after attempt n failed, lengthened by up to the fraction `jitter`. */
export type RetryPolicy = { readonly delaysSeconds: readonly number[]; readonly jitter: number };

export type RecordFailure = {
  type: 'RecordFailure';
  record: AttemptRecord;
  failure: FailureReason;
  error: string;
  policy: RetryPolicy;
  /** 0 ≤ random < 1 */
  random: number;
  /** The receiver's `Retry-After`: no attempt before this moment. */
  notBefore?: Date | undefined;
};
export type AttemptsCommand =
  | { type: 'RecordSuccess'; record: AttemptRecord }
  | RecordFailure
  /** `isDelayed`: the first attempt waits, by the retry policy. The stream does not tell. */
  | { type: 'RequestRetry'; now: Date; isDelayed?: boolean }
  | { type: 'Replay'; now: Date; replayId: ReplayId }
  | { type: 'Cancel'; now: Date; reason: string };

/** When the attempt after `failures` failed attempts of a series is due; undefined if the policy allows no more. */
export const nextAttemptAt = (command: Omit<RecordFailure, 'type'>, failures: number): string | undefined => {
  const delay = command.policy.delaysSeconds[failures];
  if (delay === undefined) return undefined;
  const { startedAt, durationMs } = command.record;
  const due = Date.parse(startedAt) + Math.round(durationMs + delay * 1000 * (1 + command.policy.jitter * command.random));
  return new Date(Math.max(due, command.notBefore?.getTime() ?? 0)).toISOString();
};

const recordFailure = (command: RecordFailure, state: Attempts): readonly Step[] => {
  const { record, failure, error } = command;
  const failuresInSeries = state.status === 'pending' ? state.failuresInSeries + 1 : 0;
  const data = { ...record, failure, error, failuresInSeries };
  if (state.status !== 'pending') return [{ type: 'attempt-failed', data }];
  const retryAt = nextAttemptAt(command, failuresInSeries);
  if (retryAt !== undefined) return [{ type: 'attempt-failed', data: { ...data, retryAt } }];
  return [
    { type: 'attempt-failed', data },
    { type: 'exhausted', data: { attempts: record.attempt, at: attemptEndedAt(record) } },
  ];
};

/** A new series of attempts, which begins now. */
export const freshSeries = (now: Date, state: Attempts): Fields<typeof stepFields.retryRequested> => ({
  at: now.toISOString(),
  attempt: state.attempt,
  ...(state.status === 'pending' ? {} : { reopened: { status: state.status, endedAt: state.endedAt } }),
});

const decide = (command: AttemptsCommand, state: Attempts): readonly Step[] => {
  switch (command.type) {
    case 'RecordSuccess':
      if (state.attempt !== command.record.attempt) return []; // recorded already
      return [{ type: 'attempt-succeeded', data: command.record }];
    case 'RecordFailure':
      return state.attempt === command.record.attempt ? recordFailure(command, state) : [];
    case 'RequestRetry':
      if (state.status === 'pending' && state.failuresInSeries === 0 && (state.isRequested || !command.isDelayed)) return []; // it is due now
      return [{ type: 'retry-requested', data: freshSeries(command.now, state) }];
    case 'Replay':
      if (state.replays?.includes(command.replayId)) return [];
      if (state.status === 'pending' && state.failuresInSeries === 0) return []; // it is on its way
      return [{ type: 'replay-requested', data: { ...freshSeries(command.now, state), replayId: command.replayId } }];
    case 'Cancel':
      if (state.status !== 'pending') return [];
      return [{ type: 'cancelled', data: { at: command.now.toISOString(), reason: command.reason } }];
  }
};

export const attempts: Decider<AttemptsCommand, Step, Attempts> = {
  initial: { status: 'pending', attempt: 1, failuresInSeries: 0 },
  evolve,
  decide,
};
