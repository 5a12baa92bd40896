// Batch: several messages that go to one endpoint in one request. Closing it, before it is first sent, fixes its messages; from then on it is
// sent, recorded, retried and cancelled as one. A message is in at most one batch per endpoint.
import * as z from 'zod';
import { attempts, stepFields, type Attempts, type AttemptsCommand, type Step } from './attempts.ts';
import type { Decider } from './decider.ts';
import { notFound } from './errors.ts';
import { endpointId, messageId, organizationId, type MessageId } from './ids.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

/** The endpoint of the batch, in every event of the stream. */
const subject = z.object({ organizationId, endpointId });
/** The same, with the number of deliveries in the batch. */
const closedSubject = subject.extend({ size: z.int().positive().describe('The number of messages in it.') });
export type BatchSubject = z.infer<typeof closedSubject>;

export const batchEvents = {
  'batch.closed': subject
    .extend({
      number: z.int().positive().describe("1 for the endpoint's first batch; the batch's id follows from it."),
      messages: z.array(messageId).readonly().describe('In sending order.'),
      cancelled: z
        .literal(true)
        .describe('Closed to keep its message out of other batches, as somebody cancelled it: the next event cancels the batch.')
        .optional(),
    })
    .describe('The batch was closed: its messages are fixed and are sent as one.'),
  'batch.attempt-succeeded': closedSubject
    .extend(stepFields.succeeded)
    .describe('The endpoint accepted the batch: its deliveries succeeded.'),
  'batch.attempt-failed': closedSubject
    .extend(stepFields.failed)
    .describe('An attempt failed. The event also records whether another follows.'),
  'batch.exhausted': closedSubject
    .extend(stepFields.exhausted)
    .describe('The retry policy allows no further attempt: the deliveries of the batch failed.'),
  'batch.retry-requested': closedSubject
    .extend(stepFields.retryRequested)
    .describe('A person asked for a retry: a new series of attempts with the same messages begins at once.'),
  'batch.replay-requested': closedSubject
    .extend(stepFields.replayRequested)
    .describe('A replay sends a message of the batch again, together with the others: a new series of attempts begins at once.'),
  'batch.cancelled': closedSubject.extend(stepFields.cancelled).describe('No further attempt will be made.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type BatchEvent = Of<typeof batchEvents>;

// ── State ──

export type Batch = { status: 'unknown' } | (Attempts & { messages: readonly MessageId[] });

const evolve = (state: Batch, event: BatchEvent): Batch => {
  if (event.type === 'batch.closed') return { ...attempts.initial, messages: event.data.messages };
  if (state.status === 'unknown') return state;
  const step = { type: event.type.slice('batch.'.length), data: event.data } as Step; // an event is a step and whose it is
  return { ...attempts.evolve(state, step), messages: state.messages };
};

// ── Decisions ──

/**
 * A batch that is already closed stays as it is; the state's `messages` says what is in it. With `cancelled`, it is closed and cancelled in one step, so
 * that nobody sends it in between.
 */
export type CloseBatch = { type: 'Close'; cancelled?: { now: Date; reason: string } } & Omit<
  z.infer<(typeof batchEvents)['batch.closed']>,
  'cancelled'
>;
export type BatchCommand = CloseBatch | (AttemptsCommand & { subject: BatchSubject });

const decide = (command: BatchCommand, state: Batch): readonly BatchEvent[] => {
  if (command.type === 'Close') {
    if (state.status !== 'unknown') return [];
    const { type: _, cancelled, ...data } = command;
    if (!cancelled) return [{ type: 'batch.closed', data }];
    const closed = { type: 'batch.closed', data: { ...data, cancelled: true } } as const;
    const { organizationId, endpointId, messages } = data;
    const subject = { organizationId, endpointId, size: messages.length };
    return [closed, ...decide({ ...cancelled, type: 'Cancel', subject }, evolve(state, closed))];
  }
  if (state.status === 'unknown') throw notFound('There is no such batch.');
  return attempts
    .decide(command, state)
    .map(({ type, data }) => ({ type: `batch.${type}`, data: { ...command.subject, ...data } }) as BatchEvent); // as above
};

export const batch: Decider<BatchCommand, BatchEvent, Batch> = { initial: { status: 'unknown' }, evolve, decide };
