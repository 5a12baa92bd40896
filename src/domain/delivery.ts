// Delivery: one message on its way to one endpoint. Its stream begins with the first attempt, or with the replay that created the delivery,
// and is short. A delivery that goes in a batch has no stream of its own, or continues in the stream of its batch.
import * as z from 'zod';
import { attempts, freshSeries, stepFields, type Attempts, type AttemptsCommand, type Step } from './attempts.ts';
import type { Decider } from './decider.ts';
import { endpointId, messageId, organizationId } from './ids.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

/** The message and the endpoint of the delivery, in every event of the stream. */
const subject = z.object({
  organizationId,
  messageId,
  endpointId,
  test: z.literal(true).describe("Made by a person's test.").optional(),
});
export type DeliverySubject = z.infer<typeof subject>;

export const deliveryEvents = {
  'delivery.attempt-succeeded': subject.extend(stepFields.succeeded).describe('The endpoint accepted the message: the delivery succeeded.'),
  'delivery.attempt-failed': subject
    .extend(stepFields.failed)
    .describe('An attempt failed. The event also records whether another follows.'),
  'delivery.exhausted': subject.extend(stepFields.exhausted).describe('The retry policy allows no further attempt: the delivery failed.'),
  'delivery.retry-requested': subject
    .extend(stepFields.retryRequested)
    .describe('A person asked for a retry: a new series of attempts begins at once.'),
  'delivery.replay-requested': subject
    .extend({
      ...stepFields.replayRequested,
      messageType: z
        .string()
        .describe(
          'The type of the message, if the delivery begins with this event: the message was not routed to this endpoint when it was accepted.',
        )
        .optional(),
    })
    .describe('A replay sends a past message, again or for the first time: a new series of attempts begins at once.'),
  'delivery.cancelled': subject.extend(stepFields.cancelled).describe('No further attempt will be made.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type DeliveryEvent = Of<typeof deliveryEvents>;

// ── State ──

export type Delivery = Attempts;

const evolve = (state: Delivery, { type, data }: DeliveryEvent): Delivery =>
  attempts.evolve(state, { type: type.slice('delivery.'.length), data } as Step); // an event is a step and whose it is

// ── Decisions ──

export type DeliveryCommand = AttemptsCommand & {
  subject: DeliverySubject;
  /** With `Replay`: the message was not routed to the endpoint, so only a replay can have created the delivery. */
  messageType?: string;
};

const decide = (command: DeliveryCommand, state: Delivery): readonly DeliveryEvent[] => {
  const { subject, messageType } = command;
  if (command.type === 'Replay' && messageType !== undefined && !state.replays) {
    const data = { ...subject, ...freshSeries(command.now, state), replayId: command.replayId, messageType };
    return [{ type: 'delivery.replay-requested', data }];
  }
  return attempts
    .decide(command, state)
    .map(({ type, data }) => ({ type: `delivery.${type}`, data: { ...subject, ...data } }) as DeliveryEvent); // as above
};

export const delivery: Decider<DeliveryCommand, DeliveryEvent, Delivery> = { initial: attempts.initial, evolve, decide };
