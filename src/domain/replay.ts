// Replay: sends past messages to an endpoint, again or for the first time, at a bounded rate. Its stream holds the request and its progress;
// the deliveries that it sends name it.
// Invariant: each progress continues from the one before, so two replicas that run it at one time count no message twice.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { conflict, notFound } from './errors.ts';
import { endpointId, messageId, organizationId, type MessageId } from './ids.ts';

/** Which messages, by the outcome of their deliveries to this endpoint. */
export const replayScopes = ['FAILED', 'SKIPPED', 'NEVER_SENT'] as const;
export type ReplayScope = (typeof replayScopes)[number];

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const at = z.string().describe('ISO 8601');
const subject = z.object({ organizationId, endpointId });

const filter = z.object({
  eventType: z.string().optional(),
  since: at.describe('ISO 8601: accepted at that time or later.').optional(),
  until: at.describe('ISO 8601: accepted before that time.').optional(),
  only: z
    .array(z.enum(replayScopes))
    .readonly()
    .describe('Only messages that failed at the endpoint, were skipped, or were never sent to it; absent: all.')
    .optional(),
  messageId: messageId.describe('Only this message. The other conditions narrow to when it was accepted.').optional(),
  matching: z.boolean().describe('Only messages that the endpoint takes by its subscription and filter at the moment of sending.'),
});
export type ReplayFilter = z.infer<typeof filter>;

const counts = {
  looked: z.int().nonnegative().describe('All messages that were looked at so far.'),
  sent: z.int().nonnegative().describe('The messages sent so far.'),
};

export const replayEvents = {
  'replay.requested': subject
    .extend({ at, filter, ratePerSecond: z.number().positive().describe('At most so many messages are sent per second.') })
    .describe('A person asked for past messages to be sent to an endpoint: those accepted before this event.'),
  'replay.progressed': subject
    .extend({
      at,
      after: messageId.describe('The last message that was looked at; the replay continues after it.'),
      cameTo: at.describe('ISO 8601: when that message was accepted.'),
      ...counts,
    })
    .describe('The replay progressed.'),
  'replay.finished': subject.extend({ at, ...counts }).describe('The replay looked at all its messages.'),
  'replay.cancelled': subject
    .extend({ at, reason: z.string() })
    .describe('The replay sends nothing more. Deliveries that it already created continue.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type ReplayEvent = Of<typeof replayEvents>;

// ── State ──

type ReplaySubject = z.infer<typeof subject>;
export type RunningReplay = ReplaySubject & {
  status: 'running' | 'finished' | 'cancelled';
  filter: ReplayFilter;
  ratePerSecond: number;
  requestedAt: string;
  after: MessageId | null;
  looked: number;
  sent: number;
  /** When it last progressed, and how many messages it had sent by then. */
  at: string;
  sentThen: number;
};
export type Replay = { status: 'unknown' } | RunningReplay;

const evolve = (state: Replay, event: ReplayEvent): Replay => {
  if (event.type === 'replay.requested') {
    const { at: requestedAt, ...asked } = event.data;
    return { status: 'running', ...asked, requestedAt, after: null, looked: 0, sent: 0, at: requestedAt, sentThen: 0 };
  }
  if (state.status === 'unknown') return state;
  switch (event.type) {
    case 'replay.progressed': {
      const { at, after, looked, sent } = event.data;
      return { ...state, at, after, looked, sent, sentThen: sent - state.sent };
    }
    case 'replay.finished':
      return { ...state, status: 'finished' };
    case 'replay.cancelled':
      return { ...state, status: 'cancelled' };
  }
};

// ── Decisions ──

export type ReplayCommand =
  | ({ type: 'Request'; now: Date; filter: ReplayFilter; ratePerSecond: number } & ReplaySubject)
  /** `from`: the last message looked at when these were chosen. Decides nothing if the replay has progressed since. */
  | { type: 'Progress'; now: Date; from: MessageId | null; after: MessageId; cameTo: string; looked: number; sent: number }
  | { type: 'Finish'; now: Date }
  | { type: 'Cancel'; now: Date; reason: string };

const decide = (command: ReplayCommand, state: Replay): readonly ReplayEvent[] => {
  if (command.type === 'Request') {
    if (state.status !== 'unknown') return [];
    const { organizationId, endpointId, filter, ratePerSecond, now } = command;
    return [{ type: 'replay.requested', data: { organizationId, endpointId, at: now.toISOString(), filter, ratePerSecond } }];
  }
  if (state.status === 'unknown') throw notFound('There is no such replay; `replays` lists the ones that exist.');
  const { organizationId, endpointId } = state;
  const told = { organizationId, endpointId, at: command.now.toISOString() };
  switch (command.type) {
    case 'Progress': {
      if (state.status !== 'running' || state.after !== command.from) return [];
      const { after, cameTo, looked, sent } = command;
      return [{ type: 'replay.progressed', data: { ...told, after, cameTo, looked: state.looked + looked, sent: state.sent + sent } }];
    }
    case 'Finish':
      return state.status === 'running' ? [{ type: 'replay.finished', data: { ...told, looked: state.looked, sent: state.sent } }] : [];
    case 'Cancel':
      if (state.status === 'finished')
        throw conflict('The replay has finished already; `cancelDelivery` cancels what it sent and is still open.');
      return state.status === 'running' ? [{ type: 'replay.cancelled', data: { ...told, reason: command.reason } }] : [];
  }
};

export const replay: Decider<ReplayCommand, ReplayEvent, Replay> = { initial: { status: 'unknown' }, evolve, decide };
