// Attempts: the steps of a delivery, or of a batch of deliveries, until it ends. Both give these steps names of their own.
// Invariants: a failed attempt of a running series records when the next one is due, or that there is none;
// every attempt that was made is recorded, even if the delivery was cancelled meanwhile.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { bulkRetryId, replayId, type BulkRetryId, type ReplayId } from './ids.ts';

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
  responseTruncated: z.literal(true).describe('The body went on after what is recorded.').optional(),
  probe: z.literal(true).describe('Made while the circuit was open, to find out whether the receiver answers again.').optional(),
});
/** One HTTP request and its response. */
export type AttemptRecord = z.infer<typeof record>;

const holdsKey = z.literal(true);
const reopened = z
  .object({
    status: z.enum(['succeeded', 'failed', 'cancelled']),
    endedAt: at,
    holdsKey: holdsKey.describe('It held its ordering key still: this attempt is in its turn.').optional(),
  })
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
    failuresInSeries: z
      .int()
      .nonnegative()
      .describe('Failed attempts of the running series that count by the retry policy: all but those put off by the receiver.'),
    retryAt: at.describe('When the next attempt is due; absent: there is none.').optional(),
    heldUntil: at
      .describe('The receiver asked for no request before then (Retry-After): the whole endpoint waits. Absent: it did not ask.')
      .optional(),
    seriesSince: at.describe('When the running series began. Absent where no decision needed it yet.').optional(),
    failingMs: z
      .int()
      .nonnegative()
      .describe(
        "For how long the endpoint's attempts had failed, one after the other, by a clock that nobody can set. Absent in older logs.",
      )
      .optional(),
  },
  exhausted: {
    attempts: z.int().positive().describe('All attempts that were made.'),
    at,
    holdsKey: holdsKey.describe('Its ordering key waits until it succeeds or is cancelled.').optional(),
  },
  retryRequested: {
    at,
    attempt: nextAttempt,
    reopened,
    bulkRetryId: bulkRetryId.describe('The bulk retry that it is part of; absent: a person retried this one.').optional(),
  },
  replayRequested: { at, attempt: nextAttempt, reopened, replayId: replayId.describe('The replay that sends it.') },
  cancelled: { at, reason: z.string(), failedAt: at.describe('It had failed then, and held its ordering key until now.').optional() },
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
      /** When the series began (ISO 8601), if its failed attempts recorded that. */
      seriesSince?: string;
    }
  | { status: 'succeeded' | 'failed' | 'cancelled'; attempt: number; endedAt: string }
) & {
  /** It failed, and its ordering key waits for it. */
  holdsKey?: true;
  /** It had ended, and was requested again: whatever it holds up, it is not its ordering key. */
  isOutOfTurn?: true;
  /** The replays that sent it, each once. Absent: none. */
  replays?: readonly ReplayId[];
  /** The bulk retries that retried it, each once. Absent: none. */
  bulkRetries?: readonly BulkRetryId[];
};

/** Whatever becomes of it, it was sent by these jobs. */
const evolve = (state: Attempts, step: Step): Attempts => {
  const next = evolved(state, step);
  let { replays, bulkRetries } = state;
  if (step.type === 'replay-requested') replays = [...(replays ?? []), step.data.replayId];
  if (step.type === 'retry-requested' && step.data.bulkRetryId !== undefined) bulkRetries = [...(bulkRetries ?? []), step.data.bulkRetryId];
  const holdsKey = step.type === 'exhausted' && step.data.holdsKey;
  const isReopened = (step.type === 'retry-requested' || step.type === 'replay-requested') && state.status !== 'pending';
  const isOutOfTurn = state.isOutOfTurn || (isReopened && !state.holdsKey);
  if (!replays && !bulkRetries && !holdsKey && !isOutOfTurn) return next;
  return {
    ...next,
    ...(replays && { replays }),
    ...(bulkRetries && { bulkRetries }),
    ...(holdsKey && { holdsKey }),
    ...(isOutOfTurn && { isOutOfTurn }),
  };
};

/** Without what outlives its steps. */
const evolved = (state: Attempts, step: Step): Attempts => {
  switch (step.type) {
    case 'attempt-succeeded':
      return { status: 'succeeded', attempt: step.data.attempt + 1, endedAt: attemptEndedAt(step.data) };
    case 'attempt-failed': {
      const attempt = step.data.attempt + 1;
      if (state.status !== 'pending') return { ...state, attempt };
      const { failuresInSeries, seriesSince = state.seriesSince } = step.data;
      return { status: 'pending', attempt, failuresInSeries, ...(seriesSince === undefined ? {} : { seriesSince }) };
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
export type RetryPolicy = {
  readonly delaysSeconds: readonly number[];
  readonly jitter: number;
  /** One attempt, whatever the receiver asks. */
  readonly once?: true;
};

export const testPolicy: RetryPolicy = { delaysSeconds: [0], jitter: 0, once: true };

/** A receiver may put off a delivery for as long as its schedule takes, and this much more. */
const longestPutOffMs = 24 * 60 * 60 * 1000;

export type RecordFailure = {
  type: 'RecordFailure';
  record: AttemptRecord;
  failure: FailureReason;
  error: string;
  policy: RetryPolicy;
  /** 0 ≤ random < 1 */
  random: number;
  /** The receiver's `Retry-After`: no request to the endpoint before this moment. */
  heldUntil?: Date | undefined;
  /** When the series began (ISO 8601): given if a person or a replay began it, and with `heldUntil`. */
  seriesSince?: string | undefined;
  /** No attempt before this moment. */
  notBefore?: Date | undefined;
  /** For how long the endpoint's attempts had failed, as the process knows that made this one. */
  failingMs?: number | undefined;
  /** If this was the last attempt, its ordering key waits for it. */
  holdsKey?: boolean | undefined;
};
export type AttemptsCommand =
  | { type: 'RecordSuccess'; record: AttemptRecord }
  | RecordFailure
  /** `isDelayed`: the next attempt waits, which the stream may not tell: by the retry policy, put off by the receiver, or behind an open circuit. */
  | { type: 'RequestRetry'; now: Date; isDelayed?: boolean; bulkRetryId?: BulkRetryId | undefined }
  | { type: 'Replay'; now: Date; replayId: ReplayId }
  | { type: 'Cancel'; now: Date; reason: string };

/** When the attempt after `failures` failed attempts of a series is due; undefined if the policy allows no more. */
export const nextAttemptAt = (command: Omit<RecordFailure, 'type'>, failures: number): string | undefined => {
  const { policy, record, heldUntil, notBefore, random } = command;
  const delay = policy.delaysSeconds[failures];
  if (delay === undefined) return undefined;
  const due = endOf(record) + Math.round(delay * 1000 * (1 + policy.jitter * random));
  return new Date(Math.max(due, heldUntil?.getTime() ?? 0, notBefore?.getTime() ?? 0)).toISOString();
};

const endOf = ({ startedAt, durationMs }: AttemptRecord) => Date.parse(startedAt) + Math.round(durationMs);

/**
 * Whether the receiver put the delivery off: the attempt costs it no step of its schedule, and the next one is due when the receiver takes requests again.
 * A delivery that is 24 h older than its schedule is long is put off no more.
 */
const isPutOff = ({ heldUntil, policy, record }: RecordFailure, since: string): boolean => {
  if (heldUntil === undefined || policy.once) return false;
  const scheduleMs = policy.delaysSeconds.reduce((sum, delay) => sum + delay * 1000 * (1 + policy.jitter), 0);
  return endOf(record) < Date.parse(since) + scheduleMs + longestPutOffMs;
};

const recordFailure = (command: RecordFailure, state: Attempts): readonly Step[] => {
  const { record, failure, error, heldUntil } = command;
  const { failingMs } = command;
  const hold = { ...(heldUntil && { heldUntil: heldUntil.toISOString() }), ...(failingMs !== undefined && { failingMs }) };
  if (state.status !== 'pending') return [{ type: 'attempt-failed', data: { ...record, failure, error, failuresInSeries: 0, ...hold } }];
  const since = state.seriesSince ?? command.seriesSince ?? (heldUntil && record.startedAt);
  const inSeries = { ...record, failure, error, ...hold, ...(since === undefined ? {} : { seriesSince: since }) };
  if (heldUntil && since !== undefined && isPutOff(command, since)) {
    const retryAt = new Date(Math.max(endOf(record), heldUntil.getTime())).toISOString();
    return [{ type: 'attempt-failed', data: { ...inSeries, failuresInSeries: state.failuresInSeries, retryAt } }];
  }
  const failuresInSeries = state.failuresInSeries + 1;
  const retryAt = nextAttemptAt(command, failuresInSeries);
  const data = { ...inSeries, failuresInSeries };
  if (retryAt !== undefined) return [{ type: 'attempt-failed', data: { ...data, retryAt } }];
  return [
    { type: 'attempt-failed', data },
    {
      type: 'exhausted',
      data: { attempts: record.attempt, at: attemptEndedAt(record), ...(command.holdsKey && !state.isOutOfTurn && { holdsKey: true }) },
    },
  ];
};

/** A new series of attempts, which begins now. */
export const freshSeries = (now: Date, state: Attempts): Fields<typeof stepFields.retryRequested> => ({
  at: now.toISOString(),
  attempt: state.attempt,
  ...(state.status !== 'pending' && {
    reopened: { status: state.status, endedAt: state.endedAt, ...(state.holdsKey && { holdsKey: state.holdsKey }) },
  }),
});

const ofBulkRetry = (bulkRetryId: BulkRetryId | undefined) => (bulkRetryId === undefined ? {} : { bulkRetryId });

const decide = (command: AttemptsCommand, state: Attempts): readonly Step[] => {
  switch (command.type) {
    case 'RecordSuccess':
      if (state.attempt !== command.record.attempt) return []; // recorded already
      return [{ type: 'attempt-succeeded', data: command.record }];
    case 'RecordFailure':
      return state.attempt === command.record.attempt ? recordFailure(command, state) : [];
    case 'RequestRetry':
      if (command.bulkRetryId !== undefined && state.bulkRetries?.includes(command.bulkRetryId)) return [];
      if (state.status === 'pending' && state.failuresInSeries === 0 && (state.isRequested || !command.isDelayed)) return []; // it is due now
      return [{ type: 'retry-requested', data: { ...freshSeries(command.now, state), ...ofBulkRetry(command.bulkRetryId) } }];
    case 'Replay':
      if (state.replays?.includes(command.replayId)) return [];
      if (state.status === 'pending' && state.failuresInSeries === 0) return []; // it is on its way
      return [{ type: 'replay-requested', data: { ...freshSeries(command.now, state), replayId: command.replayId } }];
    case 'Cancel':
      if (state.status === 'failed' && state.holdsKey)
        return [{ type: 'cancelled', data: { at: command.now.toISOString(), reason: command.reason, failedAt: state.endedAt } }];
      if (state.status !== 'pending') return [];
      return [{ type: 'cancelled', data: { at: command.now.toISOString(), reason: command.reason } }];
  }
};

export const attempts: Decider<AttemptsCommand, Step, Attempts> = {
  initial: { status: 'pending', attempt: 1, failuresInSeries: 0 },
  evolve,
  decide,
};
