// Bulk retry: a new series of attempts for all deliveries that match a filter, in the background. Its stream holds the request and its progress; the
// retries that it requests name it.
// Invariant: progress is recorded before the retries it counts. After a crash the last ones are requested again, and each delivery takes one of a bulk retry.
import * as z from 'zod';
import { failureReasons } from './attempts.ts';
import type { Decider } from './decider.ts';
import { conflict, notFound } from './errors.ts';
import { deliveryId, endpointId, messageId, organizationId, type DeliveryId, type EndpointId } from './ids.ts';

/** As the API shows a delivery. */
export const retryableStatuses = ['PENDING', 'RETRYING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'HELD'] as const;

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const at = z.string().describe('ISO 8601');
const subject = z.object({ organizationId, at });

const filter = z.object({
  status: z.array(z.enum(retryableStatuses)).readonly(),
  endpointId: endpointId.optional(),
  messageId: messageId.optional(),
  eventType: z.string().optional(),
  since: at.describe('ISO 8601: the message was accepted at that time or later.').optional(),
  until: at.describe('ISO 8601: the message was accepted before that time.').optional(),
  responseCode: z.int().describe('Of the last attempt.').optional(),
  // Absent from older events.
  endpointIds: z.array(endpointId).readonly().optional(),
  clientId: z.string().describe('The id that the publisher gave the message.').optional(),
  eventTypes: z.array(z.string()).readonly().optional(),
  responseCodeFrom: z.int().optional(),
  responseCodeUntil: z.int().describe('The highest that matches.').optional(),
  failure: z.array(z.enum(failureReasons)).readonly().describe('Of the last attempt.').optional(),
  test: z.boolean().optional(),
});
export type BulkRetryFilter = z.infer<typeof filter>;

const retried = z.int().nonnegative().describe('The deliveries retried so far.');

export const bulkRetryEvents = {
  'bulkretry.requested': subject
    .extend({ filter, matched: z.int().nonnegative().describe('The deliveries that matched.') })
    .describe('A person asked for all deliveries that match to be retried: those of messages accepted before this event.'),
  'bulkretry.progressed': subject
    .extend({
      endpointId,
      after: deliveryId.describe("The last of this endpoint's deliveries that is retried now; the bulk retry continues after it."),
      retried,
    })
    .describe('The bulk retry progressed at one endpoint, from its oldest deliveries on.'),
  'bulkretry.finished': subject.extend({ retried }).describe('The bulk retry went through all deliveries.'),
  'bulkretry.cancelled': subject
    .extend({ reason: z.string() })
    .describe('The bulk retry retries nothing more. Deliveries that it already retried continue.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type BulkRetryEvent = Of<typeof bulkRetryEvents>;

// ── State ──

export type BulkRetry =
  | { status: 'unknown' }
  | {
      status: 'running' | 'finished' | 'cancelled';
      organizationId: z.infer<typeof organizationId>;
      filter: BulkRetryFilter;
      retried: number;
      /** How often it progressed. */
      steps: number;
    };

const evolve = (state: BulkRetry, event: BulkRetryEvent): BulkRetry => {
  if (event.type === 'bulkretry.requested')
    return { status: 'running', organizationId: event.data.organizationId, filter: event.data.filter, retried: 0, steps: 0 };
  if (state.status === 'unknown') return state;
  switch (event.type) {
    case 'bulkretry.progressed':
      return { ...state, retried: event.data.retried, steps: state.steps + 1 };
    case 'bulkretry.finished':
      return { ...state, status: 'finished' };
    case 'bulkretry.cancelled':
      return { ...state, status: 'cancelled' };
  }
};

// ── Decisions ──

type Request = {
  type: 'Request';
  now: Date;
  organizationId: z.infer<typeof organizationId>;
  filter: BulkRetryFilter;
  matched: number;
};
export type BulkRetryCommand =
  | Request
  /** `step`: how often it had progressed when these were chosen. Decides nothing if it has progressed since. */
  | { type: 'Progress'; now: Date; step: number; endpointId: EndpointId; after: DeliveryId; retried: number }
  | { type: 'Finish'; now: Date }
  | { type: 'Cancel'; now: Date; reason: string };

const decide = (command: BulkRetryCommand, state: BulkRetry): readonly BulkRetryEvent[] => {
  if (command.type === 'Request') {
    if (state.status !== 'unknown') return [];
    const { organizationId, filter, matched, now } = command;
    return [{ type: 'bulkretry.requested', data: { organizationId, at: now.toISOString(), filter, matched } }];
  }
  if (state.status === 'unknown') throw notFound('There is no such bulk retry; `bulkRetries` lists the ones that exist.');
  const data = { organizationId: state.organizationId, at: command.now.toISOString() };
  switch (command.type) {
    case 'Progress': {
      if (state.status !== 'running' || state.steps !== command.step) return [];
      const { endpointId, after, retried } = command;
      return [{ type: 'bulkretry.progressed', data: { ...data, endpointId, after, retried: state.retried + retried } }];
    }
    case 'Finish':
      return state.status === 'running' ? [{ type: 'bulkretry.finished', data: { ...data, retried: state.retried } }] : [];
    case 'Cancel':
      if (state.status === 'finished')
        throw conflict('The bulk retry has finished already; `cancelDelivery` cancels a delivery that is still open.');
      return state.status === 'running' ? [{ type: 'bulkretry.cancelled', data: { ...data, reason: command.reason } }] : [];
  }
};

export const bulkRetry: Decider<BulkRetryCommand, BulkRetryEvent, BulkRetry> = { initial: { status: 'unknown' }, evolve, decide };
