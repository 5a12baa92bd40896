// Decides a stream's events again: would its decider have written each event, given the ones before it? The command is reconstructed from the
// event. This covers the streams that are few: configuration, sources, replays and seals. For deliveries and batches, see redecide-attempt.ts.
// Limit: what a command brought with it, such as names, settings and times, is taken as it is.
import { apiKey, type ApiKey, type ApiKeyCommand, type ApiKeyEvent } from '../../../domain/api-key.ts';
import type { DomainEvent } from '../../../domain/catalog.ts';
import type { Decider } from '../../../domain/decider.ts';
import { bulkRetry, type BulkRetry, type BulkRetryCommand, type BulkRetryEvent } from '../../../domain/bulk-retry.ts';
import { portalSession, type PortalSessionCommand } from '../../../domain/portal-session.ts';
import { disclosure, type RecordedDisclosure } from '../../../domain/disclosure.ts';
import { draftTest, type RecordedDraftTest } from '../../../domain/draft-test.ts';
import type { EndpointAudience } from '../../../domain/endpoint-audience.ts';
import { registeredIn, type EndpointEvent } from '../../../domain/endpoint-events.ts';
import { endpoint, type EndpointCommand } from '../../../domain/endpoint.ts';
import { DomainError } from '../../../domain/errors.ts';
import { maskedEventData } from '../../../domain/event-masking.ts';
import { jsonEqual, asJsonObject } from '../../../domain/json.ts';
import { organization, type Organization, type OrganizationCommand } from '../../../domain/organization.ts';
import type { OrganizationEvent } from '../../../domain/organization-events.ts';
import { fromStored } from '../../../domain/portal-settings.ts';
import { reading, type Reading, type SkippedEvent } from '../../../domain/reading.ts';
import { replay, type Replay, type ReplayCommand, type ReplayEvent } from '../../../domain/replay.ts';
import { registeredIn as registeredSource, source, type SourceCommand, type SourceEvent } from '../../../domain/source.ts';
import { lostTailStream, organizationIdIn, sealingKeyStream, type Category } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { isEventOf, type EventOf } from '../event-category.ts';

/** Takes the events of one stream in order. @returns what is wrong with the event, as a sentence; undefined if nothing is */
export type Redecide = (event: RecordedEvent) => string | undefined;

const impossible = 'It could not happen after the events before it in its stream.';

/** Compares the recorded event with the decided one. Shows only the fields that differ, and no secrets. */
const compare = (recorded: DomainEvent, decided: DomainEvent | undefined): string | undefined => {
  if (decided?.type !== recorded.type) return impossible;
  const [actual, expected] = [asJsonObject(recorded.data), asJsonObject(decided.data)];
  const fields = Object.keys({ ...actual, ...expected }).filter((field) => !jsonEqual(actual[field], expected[field]));
  if (fields.length === 0) return undefined;
  const [shown, shownExpected] = [maskedEventData(recorded, true), maskedEventData(decided, true)];
  const differences = fields.map((field) =>
    jsonEqual(shown[field], shownExpected[field])
      ? `\`${field}\` would be another secret`
      : `\`${field}\` would be ${JSON.stringify(shownExpected[field])}, not ${JSON.stringify(shown[field])}`,
  );
  return `By the decider, ${differences.join(', and ')}.`;
};

/** The last event that the command leads to. @returns 'unknowable' if the command is refused for its input, which the log does not hold in full */
const decideLast = <C, S>(
  { decide }: Pick<Decider<C, DomainEvent, S>, 'decide'>,
  command: C,
  state: S,
): DomainEvent | 'unknowable' | undefined => {
  try {
    return decide(command, state).at(-1);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.code === 'BAD_USER_INPUT' ? 'unknowable' : undefined;
  }
};

/** A decider whose events are those of a category. */
type StreamDecider<K extends Category, C, S> = Pick<Decider<C, DomainEvent, S>, 'initial' | 'decide'> &
  Pick<Decider<C, EventOf<K>, S>, 'evolve'>;

/** @param commandFor returns undefined if no command leads to the event */
const byDecider =
  <K extends Category, C, S>(category: K, decider: StreamDecider<K, C, S>, commandFor: (event: EventOf<K>, before: S) => C | undefined) =>
  (): Redecide => {
    let state = decider.initial;
    return (event) => {
      if (!isEventOf(event, category)) return undefined; // reported as an event in a wrong stream
      const before = state;
      state = decider.evolve(before, event);
      const command = commandFor(event, before);
      // A command's several events match only if all of them are there, so comparing the last one is enough.
      const decided = command && decideLast(decider, command, before);
      return decided === 'unknowable' ? undefined : compare(event, decided);
    };
  };

// ── The command behind each event ──

const organizationCommand = ({ type, data, stream }: RecordedEvent<OrganizationEvent>, before: Organization): OrganizationCommand => {
  const id = organizationIdIn(stream);
  switch (type) {
    case 'organization.registered':
      return { type: 'RegisterOrganization', ...data };
    case 'organization.renamed':
    case 'organization.metadata-changed':
    case 'organization.limits-changed':
      return { type: 'ChangeOrganization', settings: data };
    case 'organization.suspended':
      return { type: 'SuspendOrganization', id, reason: data.reason };
    case 'organization.resumed':
      return { type: 'ResumeOrganization' };
    case 'organization.deleted':
      return { type: 'DeleteOrganization', id, confirmName: before.exists === 'yes' ? before.name : '' };
    case 'organization.encryption-key-rotated':
      return { type: 'RotateEncryptionKey', ...data };
    case 'organization.encryption-keys-rewrapped':
      return { type: 'RewrapEncryptionKeys', from: before.exists === 'yes' ? before.encryptionKeys : [], to: data.encryptionKeys };
    case 'organization.signing-key-set':
      return { type: 'SetSigningKey', key: data.key };
    case 'organization.event-type-defined':
      return { type: 'DefineEventType', ...data };
    case 'organization.portal-sessions-ended':
      return { type: 'EndPortalSessions', ...data };
    case 'organization.portal-settings-changed':
      return { type: 'ChangePortalSettings', settings: fromStored(data) };
    case 'organization.event-type-retired':
      return { type: 'RetireEventType', ...data };
  }
};

const apiKeyCommand = ({ type, data }: ApiKeyEvent, before: ApiKey): ApiKeyCommand | undefined => {
  if (type === 'apikey.issued') return { type: 'IssueApiKey', ...data };
  return before.status === 'unknown' ? undefined : { type: 'RevokeApiKey', organizationId: before.organizationId };
};

const endpointCommand = ({ type, data }: EndpointEvent): EndpointCommand => {
  switch (type) {
    case 'endpoint.registered':
      return { type: 'Register', ...registeredIn(data), ...saidBy(data.audience) };
    case 'endpoint.url-changed':
    case 'endpoint.subscription-changed': {
      const { audience, ...settings } = data;
      return { type: 'Change', settings, ...saidBy(audience) };
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

/** By a portal session; which types were internal then is nothing that its decision shows. */
const saidBy = (audience: EndpointAudience) => audience && { internalTypes: { names: new Set<string>(), areHidden: true } };

const sourceCommand = ({ type, data }: SourceEvent): SourceCommand => {
  switch (type) {
    case 'source.registered':
      return { type: 'Register', ...registeredSource(data) };
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

const bulkRetryCommand = ({ type, data }: BulkRetryEvent, before: BulkRetry): BulkRetryCommand | undefined => {
  const now = new Date(data.at);
  switch (type) {
    case 'bulkretry.requested':
      return { type: 'Request', now, organizationId: data.organizationId, filter: data.filter, matched: data.matched };
    case 'bulkretry.progressed': {
      if (before.status === 'unknown' || data.retried <= before.retried) return undefined;
      const { endpointId, after, retried } = data;
      return { type: 'Progress', now, step: before.steps, endpointId, after, retried: retried - before.retried };
    }
    case 'bulkretry.finished':
      return { type: 'Finish', now };
    case 'bulkretry.cancelled':
      return { type: 'Cancel', now, reason: data.reason };
  }
};

// ── Streams that can be checked from any of their events on ──

/** @param isFromStart if false, the first event that says how far the source was read is taken as correct */
const redecideReading = (isFromStart: boolean): Redecide => {
  let state: Reading | undefined = isFromStart ? reading.initial : undefined;
  let skipped: SkippedEvent[] = [];
  return (event) => {
    if (!isEventOf(event, 'reading')) return undefined;
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
    return decided === 'unknowable' ? undefined : compare(event, decided);
  };
};

/** Checks only that each seal is at its place; its content is checked against the events that it covers. */
const checkSealNumber: Redecide = (event) => {
  if (!isEventOf(event, 'ledger')) return undefined;
  const { revision, stream } = event;
  if ((event.type === 'ledger.key-rewrapped') !== (stream === sealingKeyStream)) return impossible;
  if ((event.type === 'ledger.lost-tail-accepted') !== (stream === lostTailStream)) return impossible;
  if (event.type === 'ledger.key-rewrapped' || event.type === 'ledger.lost-tail-accepted') return undefined;
  if (event.type === 'ledger.key-created') return revision === 0 ? undefined : impossible;
  return event.data.number === revision ? undefined : `It is seal ${event.data.number}, in the place of seal ${revision}.`;
};

const deciders: Readonly<Record<string, () => Redecide>> = {
  organization: byDecider('organization', organization, organizationCommand),
  apikey: byDecider('apikey', apiKey, apiKeyCommand),
  endpoint: byDecider('endpoint', endpoint, endpointCommand),
  source: byDecider('source', source, sourceCommand),
  replay: byDecider('replay', replay, replayCommand),
  bulkretry: byDecider('bulkretry', bulkRetry, bulkRetryCommand),
  portalsession: byDecider('portalsession', portalSession, ({ data }): PortalSessionCommand => ({
    type: 'OpenPortalSession',
    session: data,
  })),
  disclosure: byDecider('disclosure', disclosure, (event): RecordedDisclosure => ({ type: 'Record', shown: event })),
  drafttest: byDecider('drafttest', draftTest, (event): RecordedDraftTest => ({ type: 'Record', made: event })),
};

/**
 * For a stream of that category.
 * @param isFromStart the stream's first event is the first one to be decided
 * @returns `needsPast`: pass it the earlier events of the stream first
 */
export const redeciderFor = (category: string, isFromStart: boolean): { readonly redecide: Redecide; readonly needsPast: boolean } => {
  if (category === 'reading') return { redecide: redecideReading(isFromStart), needsPast: false };
  const make = deciders[category];
  return make ? { redecide: make(), needsPast: !isFromStart } : { redecide: checkSealNumber, needsPast: false };
};
