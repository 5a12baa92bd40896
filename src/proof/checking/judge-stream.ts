// Whether an event is one that the decider of its stream decides on the events before it: of the streams that are few, each with its state in memory.
// (judge-step.ts judges deliveries and batches.) The command is made from the event, and decided again.
// Limit: what a command brought with it, as names, settings and times, is taken as it is.
import { apiKey, type ApiKeyCommand, type ApiKeyEvent, type ApiKey } from '../../domain/api-key.ts';
import type { DomainEvent } from '../../domain/catalog.ts';
import type { Decider } from '../../domain/decider.ts';
import { endpoint, type EndpointCommand, type EndpointEvent } from '../../domain/endpoint.ts';
import { DomainError } from '../../domain/errors.ts';
import { jsonEqual, type JsonObject } from '../../domain/json.ts';
import type { SealingEvent } from '../../domain/sealing.ts';
import { organization, type OrganizationCommand, type OrganizationEvent } from '../../domain/organization.ts';
import { reading, type Reading, type ReadingEvent, type SkippedEvent } from '../../domain/reading.ts';
import { replay, type Replay, type ReplayCommand, type ReplayEvent } from '../../domain/replay.ts';
import { source, type SourceCommand, type SourceEvent } from '../../domain/source.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';

/** Is given the events of one stream, in order. @returns what is wrong with the event, as a sentence; undefined: nothing */
export type StreamJudge = (event: RecordedEvent) => string | undefined;

const impossible = 'It could not happen after what its stream says before it.';

/** What differs between what was recorded and what is decided; only that is shown, as events hold secrets. */
const mistakeBetween = (recorded: DomainEvent, decided: DomainEvent | undefined): string | undefined => {
  if (decided?.type !== recorded.type) return impossible;
  const [says, should] = [recorded.data as JsonObject, decided.data as JsonObject];
  const fields = Object.keys({ ...says, ...should }).filter((field) => !jsonEqual(says[field], should[field]));
  if (fields.length === 0) return undefined;
  const told = fields.map((field) => `\`${field}\` would be ${JSON.stringify(should[field])}, not ${JSON.stringify(says[field])}`);
  return `By the decider ${told.join(', and ')}.`;
};

/** The last event that is decided. @returns true where a command is refused because of what it came with, and not because of what was before */
const decideLast = <C, E, S>(decider: Decider<C, E, S>, command: C, state: S): E | true | undefined => {
  try {
    return decider.decide(command, state).at(-1);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.code === 'BAD_USER_INPUT' ? true : undefined;
  }
};

/** `commandFor`: undefined where no command leads to the event. */
const byDecider =
  <C, E extends DomainEvent, S>(decider: Decider<C, E, S>, commandFor: (event: E, before: S) => C | undefined) =>
  (): StreamJudge => {
    let state = decider.initial;
    return (recorded) => {
      const event = recorded as unknown as E; // a stream holds its aggregate's events only
      const before = state;
      state = decider.evolve(before, event);
      const command = commandFor(event, before);
      const decided = command && decideLast(decider, command, before);
      // Several events of one command fit together only when all of them are there.
      return decided === true ? undefined : mistakeBetween(event, decided);
    };
  };

// ── The commands that lead to an event ──

const organizationCommand = ({ type, data }: OrganizationEvent): OrganizationCommand => {
  switch (type) {
    case 'organization.registered':
      return { type: 'RegisterOrganization', ...data };
    case 'organization.signing-key-set':
      return { type: 'SetSigningKey', key: data.key };
    case 'organization.event-type-defined':
      return { type: 'DefineEventType', ...data };
    case 'organization.event-type-retired':
      return { type: 'RetireEventType', name: data.name };
  }
};

const apiKeyCommand = ({ type, data }: ApiKeyEvent, before: ApiKey): ApiKeyCommand | undefined => {
  if (type === 'apikey.issued') return { type: 'IssueApiKey', ...data };
  return before.status === 'unknown' ? undefined : { type: 'RevokeApiKey', organizationId: before.organizationId };
};

const endpointCommand = ({ type, data }: EndpointEvent): EndpointCommand => {
  switch (type) {
    case 'endpoint.registered': {
      const { organizationId, secret, disabled, ...settings } = data;
      return { type: 'Register', organizationId, secret, disabled, settings };
    }
    case 'endpoint.secret-rotated':
      return { type: 'RotateSecret', ...data };
    case 'endpoint.paused':
      return { type: 'Pause' };
    case 'endpoint.resumed':
      return { type: 'Resume' };
    case 'endpoint.enabled':
      return { type: 'Enable' };
    case 'endpoint.disabled':
      return { type: 'Disable', reason: data.reason };
    case 'endpoint.deleted':
      return { type: 'Delete' };
    default:
      return { type: 'Change', settings: data };
  }
};

const sourceCommand = ({ type, data }: SourceEvent): SourceCommand => {
  switch (type) {
    case 'source.registered': {
      const { organizationId, after, ...settings } = data;
      return { type: 'Register', organizationId, after, settings };
    }
    case 'source.paused':
      return { type: 'Pause' };
    case 'source.resumed':
      return { type: 'Resume' };
    case 'source.deleted':
      return { type: 'Delete' };
    default:
      return { type: 'Change', settings: data };
  }
};

const replayCommand = ({ type, data }: ReplayEvent, before: Replay): ReplayCommand | undefined => {
  const now = new Date(data.at);
  switch (type) {
    case 'replay.requested': {
      const { at: _, ...asked } = data;
      return { type: 'Request', now, ...asked };
    }
    case 'replay.progressed': {
      if (before.status === 'unknown') return undefined;
      const [looked, sent] = [data.looked - before.looked, data.sent - before.sent];
      if (looked < 1 || sent < 0 || sent > looked) return undefined;
      return { type: 'Progress', now, from: before.after, after: data.after, cameTo: data.cameTo, looked, sent };
    }
    case 'replay.finished':
      return { type: 'Finish', now };
    case 'replay.cancelled':
      return { type: 'Cancel', now, reason: data.reason };
  }
};

// ── Those that are long, and judged from wherever they begin to be read ──

/** @param isFromStart else how far it had been read is taken from the first event that says so */
const judgeReading = (isFromStart: boolean): StreamJudge => {
  let state: Reading | undefined = isFromStart ? reading.initial : undefined;
  let skipped: SkippedEvent[] = [];
  return (recorded) => {
    const event = recorded as unknown as ReadingEvent; // as above
    if (event.type === 'reading.event-skipped') {
      skipped.push(event.data);
      return undefined;
    }
    const [before, since] = [state, skipped];
    [state, skipped] = [event.data, []];
    if (!before) return undefined;
    const published = event.data.published - before.published;
    if (published < 0) return impossible;
    const command = { type: 'Advance', from: before.position, to: event.data.position, published, skipped: since } as const;
    const decided = decideLast(reading, command, before);
    return decided === true ? undefined : mistakeBetween(event, decided);
  };
};

/** What a seal says is checked with the events that it seals; here it is that each stands where it belongs. */
const judgeLedger: StreamJudge = (recorded) => {
  const event = recorded as unknown as RecordedEvent<SealingEvent>; // as above
  const { revision } = event;
  if (event.type === 'ledger.key-created') return revision === 0 ? undefined : impossible;
  return event.data.number === revision ? undefined : `It is seal ${event.data.number}, and stands where seal ${revision} belongs.`;
};

const judges: Readonly<Record<string, () => StreamJudge>> = {
  organization: byDecider(organization, organizationCommand),
  apikey: byDecider(apiKey, apiKeyCommand),
  endpoint: byDecider(endpoint, endpointCommand),
  source: byDecider(source, sourceCommand),
  replay: byDecider(replay, replayCommand),
};

/** Of a stream of that category. @param isFromStart it is given the stream's first event; else `needsPast` says whether it must be given what was before */
export const judgeOf = (category: string, isFromStart: boolean): { readonly judge: StreamJudge; readonly needsPast: boolean } => {
  if (category === 'reading') return { judge: judgeReading(isFromStart), needsPast: false };
  const make = judges[category];
  return make ? { judge: make(), needsPast: !isFromStart } : { judge: judgeLedger, needsPast: false };
};
