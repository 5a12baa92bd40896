// What holds for every sequence of commands, and for every sequence of events, of every aggregate.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apiKey, apiKeyRoles, type ApiKeyCommand } from './api-key.ts';
import { batch, type BatchCommand } from './batch.ts';
import { catalog, type EventName, type DomainEvent } from './catalog.ts';
import { fold, type Decider } from './decider.ts';
import { failureReasons, type AttemptRecord, type AttemptsCommand } from './attempts.ts';
import { delivery, type DeliveryCommand, type DeliveryEvent, type DeliverySubject } from './delivery.ts';
import { signatureSchemes, type EndpointEvent, type EndpointSettings } from './endpoint-events.ts';
import { endpoint, type Endpoint, type EndpointCommand } from './endpoint.ts';
import { harmlessUrl } from '../../test/support/samples.ts';
import { DomainError } from './errors.ts';
import { keepRoutingKey, payloadFormats } from './format-options.ts';
import { exhaustedActions, orderings } from './ordering.ts';
import type { BulkRetryId, DeliveryId, EndpointId, MessageId, OrganizationId, Position, ReplayId } from './ids.ts';
import { asPosition } from './ids.ts';
import type { Json, JsonObject } from './json.ts';
import { lostTails, sealing, sealingKeyWrapping, type SealingCommand } from './sealing.ts';
import { disclosure, type RecordedDisclosure } from './disclosure.ts';
import { draftTest, type RecordedDraftTest } from './draft-test.ts';
import { portalCapabilities } from './portal-capability.ts';
import { portalSession, type PortalSessionCommand } from './portal-session.ts';
import { message, type AcceptMessage } from './message.ts';
import { organization, type OrganizationCommand } from './organization.ts';
import type { OrganizationLimits } from './organization-events.ts';
import { reading, type Advance } from './reading.ts';
import { bulkRetry, retryableStatuses, type BulkRetryCommand } from './bulk-retry.ts';
import { replay, replayScopes, type ReplayCommand } from './replay.ts';
import { source, type SourceCommand } from './source.ts';

// ── Arbitrary commands ── From few values, so that the same ones meet.

const { boolean, constant, constantFrom, integer, option, record, oneof } = fc;
const text = fc.string({ maxLength: 8 });
const object: fc.Arbitrary<JsonObject> = fc
  .dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((each) => JSON.parse(JSON.stringify(each)) as JsonObject);
const time = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
const iso = time.map((date) => date.toISOString());
const organizationId = constantFrom('o1', 'o2') as fc.Arbitrary<OrganizationId>;
const endpointId = constantFrom('e1', 'e2') as fc.Arbitrary<EndpointId>;

/** Mostly what fits together. */
const formatted: fc.Arbitrary<Pick<EndpointSettings, 'format' | 'formatOptions'>> = oneof(
  record({ format: constantFrom('ENVELOPE', 'FLAT', 'ARRAY'), formatOptions: constantFrom(null, { constants: { a: 1 } }) }),
  record({ format: constantFrom('SLACK', 'DISCORD', 'TEAMS'), formatOptions: constantFrom(null, {}) }),
  record({ format: constant('PAGERDUTY' as const), formatOptions: constantFrom({ routingKey: 'k1' }, { routingKey: 'k2' }, {}) }),
  record({ format: constant('TEMPLATE' as const), formatOptions: constantFrom({ template: 'a' }, { template: 'b' }) }),
  record({ format: constantFrom(...payloadFormats), formatOptions: option(object) }),
);
const others: fc.Arbitrary<Omit<EndpointSettings, 'format' | 'formatOptions'>> = record({
  name: constantFrom('a', 'b'),
  url: constantFrom('https://a.example', 'https://b.example').map(harmlessUrl),
  description: option(constantFrom('x', 'y')),
  eventTypes: fc.array(constantFrom('*', 'a.*', 'b'), { minLength: 1, maxLength: 2 }),
  filter: option(object),
  signature: constantFrom(...signatureSchemes),
  useOrganizationKey: boolean(),
  headers: fc.array(record({ name: text, value: text }), { maxLength: 2 }),
  retryPolicy: record({ delaysSeconds: fc.array(integer({ min: 0, max: 60 }), { maxLength: 3 }), jitter: constantFrom(0, 0.2) }),
  timeoutSeconds: integer({ min: 1, max: 60 }),
  ordering: constantFrom(...orderings),
  onExhausted: constantFrom(...exhaustedActions),
  batch: option(record({ maxSize: integer({ min: 1 }), maxWaitMs: integer({ min: 0 }) })),
  rateLimit: option(record({ perSecond: integer({ min: 1 }), burst: integer({ min: 1 }) })),
  maxConcurrency: option(integer({ min: 1 })),
  disableAfterSeconds: option(integer({ min: 1 })),
});
const settings = fc.tuple(others, formatted).map(([some, format]): EndpointSettings => ({ ...some, ...format }));
const patch = fc
  .tuple(settings, fc.subarray(Object.keys(defaults()) as (keyof EndpointSettings)[]))
  .map(([all, keys]) => Object.fromEntries(keys.map((key) => [key, all[key]])) as Partial<EndpointSettings>);

function defaults(): EndpointSettings {
  return {
    name: 'a',
    url: harmlessUrl('https://a.example'),
    description: null,
    eventTypes: ['*'],
    filter: null,
    format: 'ENVELOPE',
    formatOptions: null,
    signature: 'NONE',
    useOrganizationKey: false,
    headers: [],
    retryPolicy: { delaysSeconds: [0, 1], jitter: 0 },
    timeoutSeconds: 30,
    batch: null,
    rateLimit: null,
    maxConcurrency: null,
    disableAfterSeconds: null,
    ordering: 'NONE',
    onExhausted: 'CONTINUE',
  };
}

const endpointCommand: fc.Arbitrary<EndpointCommand> = oneof(
  {
    weight: 3,
    arbitrary: record({
      type: constant('Register' as const),
      organizationId,
      settings: oneof(settings, constant(defaults())),
      secret: option(constantFrom('s1', 's2')),
      disabled: boolean(),
    }),
  },
  { weight: 3, arbitrary: record({ type: constant('Change' as const), settings: patch }) },
  record({ type: constant('RotateSecret' as const), secret: constantFrom('s1', 's2'), previousUntil: iso }),
  { weight: 6, arbitrary: record({ type: constantFrom('Pause' as const, 'Resume' as const, 'Enable' as const) }) },
  record({ type: constant('Disable' as const), reason: option(text) }),
  record({ type: constant('Delete' as const) }),
);

const subject: DeliverySubject = { organizationId: 'o1' as OrganizationId, messageId: 'm1' as MessageId, endpointId: 'e1' as EndpointId };
const attemptRecord = record(
  {
    attempt: integer({ min: 1, max: 5 }),
    startedAt: iso,
    durationMs: integer({ min: 0, max: 60_000 }),
    url: text,
    endpointRevision: fc.nat(),
    bodySha256: text,
    requestHeaders: fc.dictionary(constantFrom('a', 'b'), text),
    responseCode: integer({ min: 100, max: 599 }),
    responseHeaders: fc.dictionary(constantFrom('a', 'b'), text),
    responseBody: text,
  },
  { requiredKeys: ['attempt', 'startedAt', 'durationMs', 'url', 'endpointRevision', 'requestHeaders'] },
) as fc.Arbitrary<AttemptRecord>; // fast-check's optional keys are never undefined
const attemptsCommand: fc.Arbitrary<AttemptsCommand> = oneof(
  record({ type: constant('RecordSuccess' as const), record: attemptRecord }),
  {
    weight: 4,
    arbitrary: record({
      type: constant('RecordFailure' as const),
      record: attemptRecord,
      failure: constantFrom(...failureReasons),
      error: text,
      policy: record({ delaysSeconds: fc.array(integer({ min: 0, max: 60 }), { maxLength: 4 }), jitter: constantFrom(0, 0.5) }),
      random: fc.double({ min: 0, max: 0.999, noNaN: true }),
      heldUntil: option(time, { nil: undefined }),
      seriesSince: option(iso, { nil: undefined }),
      notBefore: option(time, { nil: undefined }),
    }),
  },
  record({ type: constant('RequestRetry' as const), now: time, bulkRetryId: constantFrom(undefined, ...(['b1', 'b2'] as BulkRetryId[])) }),
  record({ type: constant('Replay' as const), now: time, replayId: constantFrom(...(['r1', 'r2'] as ReplayId[])) }),
  record({ type: constant('Cancel' as const), now: time, reason: text }),
);
const deliveryCommand: fc.Arbitrary<DeliveryCommand> = fc
  .tuple(attemptsCommand, boolean())
  .map(([command, isRouted]) => ({ ...command, subject, ...(isRouted ? {} : { messageType: 'a.b' }) }));
const batchSubject = { organizationId: subject.organizationId, endpointId: subject.endpointId };
const batchCommand: fc.Arbitrary<BatchCommand> = oneof(
  record({
    type: constant('Close' as const),
    organizationId: constant(batchSubject.organizationId),
    endpointId: constant(batchSubject.endpointId),
    number: integer({ min: 1, max: 3 }),
    messages: fc.array(constantFrom(...(['m1', 'm2', 'm3'] as MessageId[])), { minLength: 1, maxLength: 3 }),
  }),
  { weight: 5, arbitrary: attemptsCommand.map((command) => ({ ...command, subject: { ...batchSubject, size: 2 } })) },
);

const lostTailCommand = record({
  type: constant('AcceptLostTail' as const),
  now: constantFrom(new Date(0), new Date(1)),
  endsAt: constantFrom(null, asPosition('1')),
  knownTo: constant(asPosition('2')),
});
const ledgerCommand: fc.Arbitrary<SealingCommand> = oneof(
  record({ type: constant('CreateKey' as const), publicKey: constantFrom('p1', 'p2'), encryptionKey: text, privateKey: text }),
  record({
    type: constant('Seal' as const),
    seal: record({
      number: integer({ min: 1, max: 4 }),
      position: constantFrom('1', '2') as fc.Arbitrary<Position>,
      last: record({ stream: text, revision: fc.nat() }),
      count: integer({ min: 1 }),
      total: integer({ min: 1 }),
      root: text,
      marks: text,
      previous: option(text),
      publicKey: constantFrom('p1', 'p2'),
      signature: text,
    }),
  }),
);

const bulkRetryCommand: fc.Arbitrary<BulkRetryCommand> = oneof(
  record({
    type: constant('Request' as const),
    now: time,
    organizationId: constant(batchSubject.organizationId),
    filter: record({ status: fc.subarray([...retryableStatuses]) }),
    matched: integer({ min: 0, max: 99 }),
  }),
  {
    weight: 4,
    arbitrary: record({
      type: constant('Progress' as const),
      now: time,
      step: integer({ min: 0, max: 2 }),
      endpointId: constant(batchSubject.endpointId),
      after: constantFrom(...(['d1', 'd2'] as DeliveryId[])),
      retried: integer({ min: 1, max: 9 }),
    }),
  },
  record({ type: constant('Finish' as const), now: time }),
  record({ type: constant('Cancel' as const), now: time, reason: text }),
);

const replayCommand: fc.Arbitrary<ReplayCommand> = oneof(
  record({
    type: constant('Request' as const),
    now: time,
    organizationId: constant(batchSubject.organizationId),
    endpointId: constant(batchSubject.endpointId),
    ratePerSecond: integer({ min: 1, max: 100 }),
    filter: oneof(
      record({ matching: boolean() }),
      record({ matching: boolean(), eventType: text, since: iso, until: iso, only: fc.subarray([...replayScopes]) }),
    ),
  }),
  {
    weight: 4,
    arbitrary: record({
      type: constant('Progress' as const),
      now: time,
      from: constantFrom(null, ...(['m1', 'm2'] as MessageId[])),
      after: constantFrom(...(['m1', 'm2', 'm3'] as MessageId[])),
      cameTo: iso,
      looked: integer({ min: 1, max: 9 }),
      sent: integer({ min: 0, max: 9 }),
    }).filter(({ from, after }) => from !== after),
  },
  record({ type: constant('Finish' as const), now: time }),
  record({ type: constant('Cancel' as const), now: time, reason: text }),
);

const organizationSettings = {
  name: constantFrom('A', 'B'),
  metadata: constantFrom<Json | undefined>(undefined, {}, { plan: 'gold' }),
  limits: constantFrom<OrganizationLimits | undefined>(undefined, {}, { endpoints: 5 }, { endpoints: null, payloadBytes: 9 }),
};
const organizationCommand: fc.Arbitrary<OrganizationCommand> = oneof(
  record({ type: constant('RegisterOrganization' as const), name: text, encryptionKey: constantFrom('w1', 'w2') }),
  record({
    type: constant('CreateOrganization' as const),
    id: organizationId,
    settings: record(organizationSettings),
    encryptionKey: constantFrom('w1', 'w2'),
    signingKey: constantFrom('c1', 'c2'),
  }),
  record({ type: constant('ChangeOrganization' as const), settings: record(organizationSettings) }),
  record({ type: constant('SuspendOrganization' as const), id: organizationId, reason: constantFrom(null, 'unpaid') }),
  record({ type: constant('ResumeOrganization' as const) }),
  record({ type: constant('DeleteOrganization' as const), id: organizationId, confirmName: constantFrom('A', 'B') }),
  record({
    type: constant('DefineEventType' as const),
    name: constantFrom('a.b', 'c'),
    group: constantFrom('a', undefined),
    description: option(text),
    sample: option(object),
  }),
  record({ type: constant('RetireEventType' as const), name: constantFrom('a.b', 'c', 'd') }),
  record({ type: constant('RotateEncryptionKey' as const), encryptionKey: constantFrom('w1', 'w2') }),
  record({
    type: constant('ChangePortalSettings' as const),
    settings: record({
      name: constantFrom('Acme', null),
      logo: constant(null),
      primaryColor: constantFrom('#000000', null),
      colorScheme: constantFrom('AUTO' as const, 'DARK' as const),
    }),
  }),
  record({ type: constant('EndPortalSessions' as const), counter: integer({ min: 1, max: 3 }) }),
  record({
    type: constant('RewrapEncryptionKeys' as const),
    from: fc.array(constantFrom('w1', 'w2'), { maxLength: 2 }),
    to: fc.array(constantFrom('w1', 'w2', 'w3'), { minLength: 1, maxLength: 2 }),
  }),
  record({ type: constantFrom('SetSigningKey' as const, 'SetFirstSigningKey' as const), key: constantFrom('k1', 'k2') }),
);

const sealingKeyCommand = record({ type: constant('RewrapKey' as const), encryptionKey: constantFrom('w1', 'w2') });

const hour = constantFrom('2026-01-01T10:00:00.000Z', '2026-01-01T11:00:00.000Z');
const portalSessionCommand: fc.Arbitrary<PortalSessionCommand> = record({
  type: constant('OpenPortalSession' as const),
  session: record(
    {
      organizationId,
      subject: text,
      capabilities: fc.subarray([...portalCapabilities]),
      endpointIds: fc.array(endpointId, { minLength: 1, maxLength: 2 }),
      expiresAt: iso,
    },
    { requiredKeys: ['organizationId', 'subject', 'capabilities', 'expiresAt'] },
  ),
});

const disclosureCommand: fc.Arbitrary<RecordedDisclosure> = record({
  type: constant('Record' as const),
  shown: oneof(
    record({ type: constant('disclosure.secret-shown' as const), data: record({ organizationId, endpointId, hour }) }),
    record({ type: constant('disclosure.signing-key-shown' as const), data: record({ organizationId, hour }) }),
  ),
});

const draftTestCommand: fc.Arbitrary<RecordedDraftTest> = record({
  type: constant('Record' as const),
  made: record({
    type: constant('drafttest.made' as const),
    data: record({ organizationId, endpointId, eventType: constant('a.b'), url: constant('https://a.example') }),
  }),
});

const apiKeyCommand: fc.Arbitrary<ApiKeyCommand> = oneof(
  record({
    type: constant('IssueApiKey' as const),
    organizationId,
    name: text,
    role: constantFrom(...apiKeyRoles),
    hash: text,
    expiresAt: constantFrom(undefined, '2027-01-01T00:00:00.000Z'),
  }),
  record({ type: constant('RevokeApiKey' as const), organizationId }),
);

const messageCommand: fc.Arbitrary<AcceptMessage> = record({
  type: constant('AcceptMessage' as const),
  organizationId,
  clientId: constantFrom('c', undefined),
  messageType: constantFrom('a', 'b'),
  timestamp: option(iso, { nil: undefined }),
  data: oneof(constant({}), object),
  now: time,
  destinations: fc.array(oneof(record({ endpointId }), record({ endpointId, notBefore: iso })), { maxLength: 2 }),
  skipped: fc.array(endpointId, { maxLength: 1 }),
  routedAt: constant('1' as Position),
  test: constantFrom(true, false, undefined),
});

const sourceSettings = record({
  name: constantFrom('a', 'b'),
  streams: record({ by: constantFrom('PREFIX', 'CATEGORY'), value: constantFrom('order', 'cart') }),
  eventTypes: fc.array(constantFrom('Placed', 'Paid'), { maxLength: 2 }),
  types: constantFrom({}, { Placed: 'order.placed' }),
  template: constantFrom(null, 'data'),
});
const sourceCommand: fc.Arbitrary<SourceCommand> = oneof(
  record({ type: constant('Register' as const), organizationId, settings: sourceSettings, after: constantFrom(null, '1' as Position) }),
  record({ type: constant('Change' as const), settings: sourceSettings }),
  record({ type: constantFrom('Pause', 'Resume', 'Delete') }),
);
const places = constantFrom(...(['1', '2', '3'] as Position[]));
const readingCommand: fc.Arbitrary<Advance> = record({
  type: constant('Advance' as const),
  from: oneof(constant(null), places),
  to: places,
  published: fc.nat(),
  skipped: fc.array(record({ id: text, stream: text, revision: fc.nat(), position: places, type: text, reason: text }), { maxLength: 2 }),
});

// ── Carrying them out ──

type Step<C, E, S> = { readonly command: C; readonly before: S; readonly events: readonly E[]; readonly after: S };

/** Each command on what the ones before it left; a refused one leaves what was. */
const carryOut = <C, E, S>(decider: Decider<C, E, S>, commands: readonly C[]): Step<C, E, S>[] => {
  let state = decider.initial;
  return commands.map((command) => {
    const before = state;
    let events: readonly E[] = [];
    try {
      events = decider.decide(command, before);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
    }
    for (const event of events) state = decider.evolve(state, event);
    return { command, before, events, after: state };
  });
};

/** Cloned, as fast-check makes objects without a prototype. */
const sequenceOf = <C>(command: fc.Arbitrary<C>) => fc.array(command, { maxLength: 25 }).map((commands) => structuredClone(commands));

const forAllSequences = <C, E, S>(
  decider: Decider<C, E, S>,
  command: fc.Arbitrary<C>,
  check: (steps: Step<C, E, S>[]) => void,
  numRuns = 300,
) =>
  fc.assert(
    fc.property(sequenceOf(command), (commands) => check(carryOut(decider, commands))),
    { numRuns },
  );

const suite = <C, E extends DomainEvent, S>(name: string, decider: Decider<C, E, S>, command: fc.Arbitrary<C>) =>
  describe(`every sequence of ${name}`, () => {
    it('decides nothing when its last command is repeated', () =>
      forAllSequences(decider, command, (steps) => {
        const last = steps.at(-1);
        if (last && last.events.length > 0) assert.deepEqual(decider.decide(last.command, last.after), []);
      }));

    it('records events that the catalog reads as they are', () =>
      forAllSequences(decider, command, (steps) => {
        for (const { type, data } of steps.flatMap(({ events }) => events)) {
          const stored: unknown = JSON.parse(JSON.stringify(data));
          assert.deepEqual(catalog[type].parse(data), data);
          assert.deepEqual(catalog[type].parse(stored), stored);
        }
      }));

    it('changes nothing that was before', () =>
      forAllSequences(decider, command, (steps) => {
        const events = steps.flatMap((step) => step.events);
        const copy = structuredClone(events);
        const state = fold(decider, events);
        assert.deepEqual(events, copy);
        assert.deepEqual(fold(decider, events), state);
      }));

    it('has events that fold in any order', () =>
      fc.assert(
        fc.property(fc.array(sequenceOf(command), { maxLength: 3 }), fc.infiniteStream(fc.nat()), (sequences, chance) => {
          const events = sequences.flatMap((commands) => carryOut(decider, commands).flatMap((step) => step.events));
          const shuffled = events.map((event) => ({ event, at: chance.next().value })).sort((a, b) => a.at - b.at);
          const state = fold(
            decider,
            shuffled.map(({ event }) => event),
          );
          // Whatever came of it, the next decision is one, or a refusal.
          for (const each of sequences.flat()) carryOut({ ...decider, initial: state }, [each]);
        }),
        { numRuns: 300 },
      ));
  });

suite('commands on an organization', organization, organizationCommand);
suite('commands on an API key', apiKey, apiKeyCommand);
suite('commands on an endpoint', endpoint, endpointCommand);
suite('commands on a message', message, messageCommand);
suite('commands on a delivery', delivery, deliveryCommand);
suite('commands on a batch', batch, batchCommand);
suite('commands on the log', sealing, ledgerCommand);
suite('acceptances of a lost tail', lostTails, lostTailCommand);
suite('commands on the wrapping of the key of the seals', sealingKeyWrapping, sealingKeyCommand);
suite('records of what was shown', disclosure, disclosureCommand);
suite('records of tests of drafts', draftTest, draftTestCommand);
suite('commands on a portal session', portalSession, portalSessionCommand);
suite('commands on a replay', replay, replayCommand);
suite('commands on a bulk retry', bulkRetry, bulkRetryCommand);
suite('commands on a source', source, sourceCommand);
suite('commands on the reading of a source', reading, readingCommand);

it('the commands above make every event of the catalog', () => {
  const seen = new Set<EventName>();
  const watch = <C, E extends DomainEvent, S>(decider: Decider<C, E, S>, command: fc.Arbitrary<C>) =>
    forAllSequences(decider, command, (steps) => steps.forEach(({ events }) => events.forEach(({ type }) => seen.add(type))), 1_000);
  watch(organization, organizationCommand);
  watch(apiKey, apiKeyCommand);
  watch(endpoint, endpointCommand);
  watch(message, messageCommand);
  watch(delivery, deliveryCommand);
  watch(batch, batchCommand);
  watch(sealing, ledgerCommand);
  watch(lostTails, lostTailCommand);
  watch(sealingKeyWrapping, sealingKeyCommand);
  watch(disclosure, disclosureCommand);
  watch(draftTest, draftTestCommand);
  watch(portalSession, portalSessionCommand);
  watch(replay, replayCommand);
  watch(bulkRetry, bulkRetryCommand);
  watch(source, sourceCommand);
  watch(reading, readingCommand);
  expect(Object.keys(catalog).filter((name) => !seen.has(name as EventName))).toEqual([]);
});

describe('every delivery', () => {
  const forAll = (check: (events: DeliveryEvent[], steps: Step<DeliveryCommand, DeliveryEvent, unknown>[]) => void) =>
    forAllSequences(delivery, deliveryCommand, (steps) =>
      check(
        steps.flatMap(({ events }) => events),
        steps,
      ),
    );
  const attemptOf = ({ type, data }: DeliveryEvent) =>
    type === 'delivery.attempt-succeeded' || type === 'delivery.attempt-failed' ? [data.attempt] : [];

  it('counts its attempts 1, 2, 3 without holes', () =>
    forAll((events) => {
      const attempts = events.flatMap(attemptOf);
      assert.deepEqual(
        attempts,
        attempts.map((_, i) => i + 1),
      );
    }));

  it('has, after each failure of a running series, a time for the next attempt or the word that there is none', () =>
    forAll((events, steps) => {
      for (const { before, events: decided } of steps) {
        const [failed, next] = decided;
        if (failed?.type !== 'delivery.attempt-failed') continue;
        const { status } = before as { status: string };
        const { retryAt, startedAt, attempt } = failed.data;
        if (status === 'pending') assert.equal(retryAt === undefined, next?.type === 'delivery.exhausted');
        else assert.equal(decided.length === 1 && retryAt === undefined, true, 'no retry after the end');
        if (retryAt !== undefined) assert.ok(retryAt >= startedAt);
        if (next?.type === 'delivery.exhausted') assert.equal(next.data.attempts, attempt);
      }
      assert.ok(events.filter(({ type }) => type === 'delivery.exhausted').length <= events.flatMap(attemptOf).length);
    }));

  it('takes, once it has ended, only an attempt that was overtaken, or a new series that says how it had ended', () =>
    forAll((events) => {
      let ended: string | undefined;
      for (const event of events) {
        if (event.type === 'delivery.retry-requested' || event.type === 'delivery.replay-requested') {
          assert.equal(event.data.reopened?.status, ended);
          ended = undefined;
        } else if (ended !== undefined) assert.equal(attemptOf(event).length, 1);
        if (event.type === 'delivery.attempt-succeeded') ended = 'succeeded';
        if (event.type === 'delivery.exhausted') ended = 'failed';
        if (event.type === 'delivery.cancelled') ended = 'cancelled';
      }
    }));

  it('counts the failures of each series from 1, but not those that the receiver put off', () =>
    forAll((events) => {
      let failures = 0;
      let running = true;
      for (const event of events) {
        if (event.type === 'delivery.attempt-failed') {
          const { heldUntil, retryAt, failuresInSeries } = event.data;
          const isPutOff = heldUntil !== undefined && retryAt !== undefined && failuresInSeries === failures;
          if (!isPutOff) assert.equal(failuresInSeries, running ? ++failures : 0);
        } else if (event.type === 'delivery.retry-requested' || event.type === 'delivery.replay-requested') [failures, running] = [0, true];
        else running = false;
      }
    }));
});

describe('every endpoint', () => {
  const configurationOf = (state: Endpoint) => (state.exists === 'yes' ? state.configuration : undefined);
  const forAllSteps = (check: (step: Step<EndpointCommand, EndpointEvent, Endpoint>) => void) =>
    forAllSequences(endpoint, endpointCommand, (steps) => steps.forEach(check));

  it('has, after a change, its settings with the patch in them and all else as it was', () =>
    forAllSteps(({ command, before, events, after }) => {
      const [was, is] = [configurationOf(before), configurationOf(after)];
      if (command.type !== 'Change' || !was || !is) return;
      const refused = events.length === 0;
      const { settings: now, ...rest } = is;
      const { settings: then, ...unchanged } = was;
      assert.deepEqual(rest, unchanged);
      // A change that decided nothing was refused, or it says what is so already.
      const merged = { ...then, ...keepRoutingKey(then, command.settings) };
      if (!refused) assert.deepEqual(now, merged);
      else if (!isDeepStrictEqual(then, merged)) assert.throws(() => endpoint.decide(command, before), DomainError);
    }));

  it('goes from one status to another by the one event that says so', () =>
    forAllSteps(({ before, events, after }) => {
      const [was, is] = [configurationOf(before)?.status, configurationOf(after)?.status];
      if (was === undefined || is === undefined || was === is) return;
      const legal: Record<string, string> = {
        'ENABLED→PAUSED': 'endpoint.paused',
        'PAUSED→ENABLED': 'endpoint.resumed',
        'DISABLED→ENABLED': 'endpoint.enabled',
        'ENABLED→DISABLED': 'endpoint.disabled',
        'PAUSED→DISABLED': 'endpoint.disabled',
      };
      assert.deepEqual(
        events.map(({ type }) => type),
        [legal[`${was}→${is}`]],
      );
    }));

  it('has a reason for being disabled only while it is', () =>
    forAllSteps(({ after }) => {
      const is = configurationOf(after);
      if (is && is.status !== 'DISABLED') assert.equal(is.disabledReason, null);
    }));

  it('stays deleted', () =>
    forAllSteps(({ before, events, after }) => {
      if (before.exists === 'no-more') assert.deepEqual([events, after], [[], before]);
    }));

  it('keeps the secret before the last one', () =>
    forAllSteps(({ command, before, events, after }) => {
      const [was, is] = [configurationOf(before), configurationOf(after)];
      if (command.type !== 'RotateSecret' || events.length === 0 || !was || !is) return;
      assert.equal(is.secret, command.secret);
      assert.deepEqual(is.previousSecret, was.secret === null ? null : { secret: was.secret, until: command.previousUntil });
    }));

  it('can always sign as it says', () =>
    forAllSteps(({ after }) => {
      const is = configurationOf(after);
      if (is && is.settings.signature !== 'NONE' && !is.settings.useOrganizationKey) assert.notEqual(is.secret, null);
    }));
});
