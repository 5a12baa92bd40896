// Delivery: one message on its way to one endpoint. The stream exists from its first attempt on and ends by itself.
// Invariants: a failed attempt of a running series has a time for the next one or the word that there is none;
// every attempt that was made is recorded, also one that a cancellation overtook.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { endpointId, messageId, organizationId, type DeliveryId } from './ids.ts';

export const deliveryStream = (id: DeliveryId) => `delivery-${id}`;

export const failureReasons = ['HTTP_STATUS', 'REDIRECT', 'TIMEOUT', 'DNS', 'CONNECTION', 'TLS', 'BLOCKED_ADDRESS', 'FORMAT'] as const;
export type FailureReason = (typeof failureReasons)[number];

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const at = z.string().describe('ISO 8601');

/** Whose delivery it is, in every event of the stream. */
const subject = z.object({
  organizationId,
  messageId,
  endpointId,
  test: z.literal(true).describe("Made by a person's test.").optional(),
});
export type DeliverySubject = z.infer<typeof subject>;

const attempt = subject.extend({
  attempt: z.int().positive().describe('1 for the first; counts on through later series.'),
  startedAt: at,
  durationMs: z.number().nonnegative(),
  url: z.string(),
  endpointRevision: z.int().nonnegative().describe("The revision of the endpoint's stream that this attempt was configured by."),
  bodySha256: z.string().describe('Hex SHA-256 of the request body; absent where no body could be made.').optional(),
  requestHeaders: z.record(z.string(), z.string()).describe('As sent, secrets masked.'),
  responseCode: z.int().optional(),
  responseHeaders: z.record(z.string(), z.string()).optional(),
  responseBody: z.string().describe('The first 4 KiB.').optional(),
});
/** What one HTTP request of a delivery was and got. */
export type AttemptRecord = Omit<z.infer<typeof attempt>, keyof DeliverySubject>;

const ended = z.enum(['succeeded', 'failed', 'cancelled']);

export const deliveryEvents = {
  'delivery.attempt-succeeded': attempt.describe('The endpoint took the message: the delivery has succeeded.'),
  'delivery.attempt-failed': attempt
    .extend({
      failure: z.enum(failureReasons),
      error: z.string().describe('One sentence that a person understands.'),
      failuresInSeries: z.int().nonnegative().describe('Failed attempts of the running series, this one included.'),
      retryAt: at.describe('When the next attempt is due; absent: there is none.').optional(),
    })
    .describe('An attempt failed. Whether another follows was decided with it.'),
  'delivery.exhausted': subject
    .extend({ attempts: z.int().positive().describe('All that were made.'), at })
    .describe('The retry policy has no further attempt: the delivery has failed.'),
  'delivery.retry-requested': subject
    .extend({
      at,
      attempt: z.int().positive().describe('The number of the next attempt.'),
      reopened: z.object({ status: ended, endedAt: at }).describe('How the delivery had ended before, if it had.').optional(),
    })
    .describe('A person asked for a retry: a new series of attempts begins at once.'),
  'delivery.cancelled': subject.extend({ at, reason: z.string() }).describe('No further attempt will be made.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type DeliveryEvent = Of<typeof deliveryEvents>;

/** When an attempt was over (ISO 8601). */
export const attemptEndedAt = (record: { startedAt: string; durationMs: number }) =>
  new Date(Date.parse(record.startedAt) + Math.round(record.durationMs)).toISOString();

// ── State ── `attempt` is the number of the next attempt.

export type Delivery =
  | { status: 'pending'; attempt: number; failuresInSeries: number }
  | { status: 'succeeded' | 'failed' | 'cancelled'; attempt: number; endedAt: string };

const evolve = (state: Delivery, event: DeliveryEvent): Delivery => {
  switch (event.type) {
    case 'delivery.attempt-succeeded':
      return { status: 'succeeded', attempt: event.data.attempt + 1, endedAt: attemptEndedAt(event.data) };
    case 'delivery.attempt-failed': {
      const attempt = event.data.attempt + 1;
      if (state.status !== 'pending') return { ...state, attempt };
      return { status: 'pending', attempt, failuresInSeries: event.data.failuresInSeries };
    }
    case 'delivery.exhausted':
      return { status: 'failed', attempt: event.data.attempts + 1, endedAt: event.data.at };
    case 'delivery.retry-requested':
      return { status: 'pending', attempt: state.attempt, failuresInSeries: 0 };
    case 'delivery.cancelled':
      return { status: 'cancelled', attempt: state.attempt, endedAt: event.data.at };
  }
};

// ── Decisions ── Time, jitter and the policy arrive as data, so `decide` stays a function.

/** Attempt n+1 comes delaysSeconds[n] after attempt n failed, lengthened by up to the fraction `jitter`. */
export type RetryPolicy = { readonly delaysSeconds: readonly number[]; readonly jitter: number };

export type DeliveryCommand =
  | { type: 'RecordSuccess'; subject: DeliverySubject; record: AttemptRecord }
  | {
      type: 'RecordFailure';
      subject: DeliverySubject;
      record: AttemptRecord;
      failure: FailureReason;
      error: string;
      policy: RetryPolicy;
      /** 0 ≤ random < 1 */
      random: number;
      /** The receiver asked (`Retry-After`) for no attempt before this moment. */
      notBefore?: Date | undefined;
    }
  | { type: 'RequestRetry'; subject: DeliverySubject; now: Date }
  | { type: 'Cancel'; subject: DeliverySubject; now: Date; reason: string };

type RecordFailure = DeliveryCommand & { type: 'RecordFailure' };

/** When the attempt after `failures` failed ones of a series is due, or undefined when the policy has no more. */
export const nextAttemptAt = (command: Omit<RecordFailure, 'type' | 'subject'>, failures: number): string | undefined => {
  const delay = command.policy.delaysSeconds[failures];
  if (delay === undefined) return undefined;
  const { startedAt, durationMs } = command.record;
  const due = Date.parse(startedAt) + Math.round(durationMs + delay * 1000 * (1 + command.policy.jitter * command.random));
  return new Date(Math.max(due, command.notBefore?.getTime() ?? 0)).toISOString();
};

const recordFailure = (command: RecordFailure, state: Delivery): readonly DeliveryEvent[] => {
  const { subject, record, failure, error } = command;
  const failuresInSeries = state.status === 'pending' ? state.failuresInSeries + 1 : 0;
  const data = { ...subject, ...record, failure, error, failuresInSeries };
  if (state.status !== 'pending') return [{ type: 'delivery.attempt-failed', data }];
  const retryAt = nextAttemptAt(command, failuresInSeries);
  if (retryAt !== undefined) return [{ type: 'delivery.attempt-failed', data: { ...data, retryAt } }];
  return [
    { type: 'delivery.attempt-failed', data },
    { type: 'delivery.exhausted', data: { ...subject, attempts: record.attempt, at: attemptEndedAt(record) } },
  ];
};

const decide = (command: DeliveryCommand, state: Delivery): readonly DeliveryEvent[] => {
  switch (command.type) {
    case 'RecordSuccess':
      if (state.attempt !== command.record.attempt) return []; // recorded already
      return [{ type: 'delivery.attempt-succeeded', data: { ...command.subject, ...command.record } }];
    case 'RecordFailure':
      return state.attempt === command.record.attempt ? recordFailure(command, state) : [];
    case 'RequestRetry': {
      if (state.status === 'pending' && state.failuresInSeries === 0) return []; // its next attempt is due now
      const reopened = state.status === 'pending' ? {} : { reopened: { status: state.status, endedAt: state.endedAt } };
      return [
        {
          type: 'delivery.retry-requested',
          data: { ...command.subject, at: command.now.toISOString(), attempt: state.attempt, ...reopened },
        },
      ];
    }
    case 'Cancel':
      if (state.status !== 'pending') return [];
      return [{ type: 'delivery.cancelled', data: { ...command.subject, at: command.now.toISOString(), reason: command.reason } }];
  }
};

export const delivery: Decider<DeliveryCommand, DeliveryEvent, Delivery> = {
  initial: { status: 'pending', attempt: 1, failuresInSeries: 0 },
  evolve,
  decide,
};
