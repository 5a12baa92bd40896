// Message: one thing that happened in a service. Its stream is one event long: what was accepted and where it goes.
// Invariant: where a message goes is decided once, when it is accepted, and never recomputed.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { conflict } from './errors.ts';
import { orderings } from './ordering.ts';
import { endpointId, organizationId, position, type EndpointId, type OrganizationId, type Position } from './ids.ts';
import { jsonEqual, jsonObject, type JsonObject } from './json.ts';

/** Words, separated by dots, such as `meeting.ended`. */
export const messageTypeSyntax = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
export const longestMessageType = 128;
export const longestOrderingKey = 128;
/** Bytes of `data` as JSON. */
export const largestData = 256 * 1024;

/** A receiver that publishes what it gets back to us would do so for ever: a message that so many deliveries led to is the last that is taken. */
export const mostHops = 5;
/** On every attempt: how many deliveries led to it, with this one. A receiver that publishes because of it carries it on. */
export const hopsHeader = 'hookledger-hops';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const destination = z.object({
  endpointId,
  notBefore: z.string().describe('ISO 8601: the first attempt waits until then; absent: at once.').optional(),
  delaySeconds: z
    .number()
    .positive()
    .describe('The delay that `notBefore` is after the acceptance; absent in older events, and where there is none.')
    .optional(),
  ordering: z
    .enum(orderings)
    .exclude(['NONE'])
    .describe('It takes turns there: PER_KEY, with the messages of its ordering key; STRICT, with all. Absent: it does not.')
    .optional(),
});
export type Destination = z.infer<typeof destination>;

export const messageEvents = {
  'message.accepted': z
    .object({
      organizationId,
      clientId: z.string().describe('The id that the publisher gave.').optional(),
      type: z.string(),
      timestamp: z.string().describe('As the publisher sent it.'),
      data: jsonObject,
      orderingKey: z
        .string()
        .describe(
          'Messages of one key belong together: an endpoint that asks for it gets them in the order of the log. Absent: it has none.',
        )
        .optional(),
      destinations: z.array(destination).readonly().describe('Where it goes: decided now and never again.'),
      skipped: z.array(endpointId).readonly().describe('Endpoints that matched, but were disabled at that moment.'),
      routedAt: position.describe('Routing was decided on the configuration in the log up to this position.'),
      hops: z
        .int()
        .positive()
        .describe('How many deliveries of ours led to its publication, one by the other; absent: none that we know of.')
        .optional(),
      test: z.literal(true).describe("Made by a person's test: one attempt, and no part of the success rates.").optional(),
    })
    .describe('A message was accepted, and its destinations were decided.'),
} as const;

export type MessageEvent = { type: 'message.accepted'; data: z.infer<(typeof messageEvents)['message.accepted']> };

// ── State ──

export type Message =
  | { status: 'new' }
  | {
      status: 'accepted';
      type: string;
      timestamp: string;
      data: JsonObject;
      orderingKey: string | undefined;
      destinations: number;
    };

const evolve = (_: Message, event: MessageEvent): Message => ({
  status: 'accepted',
  type: event.data.type,
  timestamp: event.data.timestamp,
  data: event.data.data,
  orderingKey: event.data.orderingKey,
  destinations: event.data.destinations.length,
});

// ── Decisions ──

export type AcceptMessage = {
  type: 'AcceptMessage';
  organizationId: OrganizationId;
  clientId?: string | undefined;
  messageType: string;
  /** As the publisher sent it; without one, `now`. */
  timestamp?: string | undefined;
  data: JsonObject;
  orderingKey?: string | undefined;
  now: Date;
  destinations: readonly Destination[];
  skipped: readonly EndpointId[];
  routedAt: Position;
  test?: boolean | undefined;
  /** Deliveries that led to it. */
  hops?: number | undefined;
};

const sameContent = (command: AcceptMessage, state: Message & { status: 'accepted' }) =>
  command.messageType === state.type &&
  (command.timestamp === undefined || command.timestamp === state.timestamp) &&
  command.orderingKey === state.orderingKey &&
  jsonEqual(command.data, state.data);

const decide = (command: AcceptMessage, state: Message): readonly MessageEvent[] => {
  if (state.status === 'accepted') {
    if (sameContent(command, state)) return [];
    throw conflict(
      `A message with the id "${command.clientId}" was accepted before with other content; give a new id to a new message, or send the same content again.`,
    );
  }
  const { organizationId, clientId, messageType, timestamp, data, orderingKey, now, destinations, skipped, routedAt, test, hops } = command;
  return [
    {
      type: 'message.accepted',
      data: {
        organizationId,
        ...(clientId === undefined ? {} : { clientId }),
        type: messageType,
        timestamp: timestamp ?? now.toISOString(),
        data,
        ...(orderingKey === undefined ? {} : { orderingKey }),
        destinations,
        skipped,
        routedAt,
        ...(hops ? { hops } : {}),
        ...(test ? { test } : {}),
      },
    },
  ];
};

export const message: Decider<AcceptMessage, MessageEvent, Message> = { initial: { status: 'new' }, evolve, decide };
