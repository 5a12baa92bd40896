// Arbitrary commands on endpoints, deliveries, batches, the log, bulk retries and replays. From few values, so the same ones meet.
import * as fc from 'fast-check';
import type { BatchCommand } from '../../src/domain/batch.ts';
import { failureReasons, type AttemptRecord, type AttemptsCommand } from '../../src/domain/attempts.ts';
import type { DeliveryCommand, DeliverySubject } from '../../src/domain/delivery.ts';
import { signatureSchemes, type EndpointSettings } from '../../src/domain/endpoint-events.ts';
import type { EndpointCommand } from '../../src/domain/endpoint.ts';
import { harmlessUrl, settings as ofSamples } from './samples.ts';
import { payloadFormats } from '../../src/domain/format-options.ts';
import { exhaustedActions, orderings } from '../../src/domain/ordering.ts';
import type { BulkRetryId, DeliveryId, EndpointId, MessageId, OrganizationId, Position, ReplayId } from '../../src/domain/ids.ts';
import { asPosition } from '../../src/domain/ids.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import type { SealingCommand } from '../../src/domain/sealing.ts';
import { retryableStatuses, type BulkRetryCommand } from '../../src/domain/bulk-retry.ts';
import { replayScopes, type ReplayCommand } from '../../src/domain/replay.ts';

const { boolean, constant, constantFrom, integer, option, record, oneof } = fc;
export const text = fc.string({ maxLength: 8 });
export const object: fc.Arbitrary<JsonObject> = fc
  .dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((each) => JSON.parse(JSON.stringify(each)) as JsonObject);
export const time = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
export const iso = time.map((date) => date.toISOString());
export const organizationId = constantFrom('o1', 'o2') as fc.Arbitrary<OrganizationId>;
export const endpointId = constantFrom('e1', 'e2') as fc.Arbitrary<EndpointId>;

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
export const settings = fc.tuple(others, formatted).map(([some, format]): EndpointSettings => ({ ...some, ...format }));
export const patch = fc
  .tuple(settings, fc.subarray(Object.keys(defaults()) as (keyof EndpointSettings)[]))
  .map(([all, keys]) => Object.fromEntries(keys.map((key) => [key, all[key]])) as Partial<EndpointSettings>);

function defaults(): EndpointSettings {
  return { ...ofSamples, name: 'a', url: harmlessUrl('https://a.example'), retryPolicy: { delaysSeconds: [0, 1], jitter: 0 } };
}

export const endpointCommand: fc.Arbitrary<EndpointCommand> = oneof(
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

export const subject: DeliverySubject = {
  organizationId: 'o1' as OrganizationId,
  messageId: 'm1' as MessageId,
  endpointId: 'e1' as EndpointId,
};
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
export const deliveryCommand: fc.Arbitrary<DeliveryCommand> = fc
  .tuple(attemptsCommand, boolean())
  .map(([command, isRouted]) => ({ ...command, subject, ...(isRouted ? {} : { messageType: 'a.b' }) }));
const batchSubject = { organizationId: subject.organizationId, endpointId: subject.endpointId };
export const batchCommand: fc.Arbitrary<BatchCommand> = oneof(
  record({
    type: constant('Close' as const),
    organizationId: constant(batchSubject.organizationId),
    endpointId: constant(batchSubject.endpointId),
    number: integer({ min: 1, max: 3 }),
    messages: fc.array(constantFrom(...(['m1', 'm2', 'm3'] as MessageId[])), { minLength: 1, maxLength: 3 }),
  }),
  { weight: 5, arbitrary: attemptsCommand.map((command) => ({ ...command, subject: { ...batchSubject, size: 2 } })) },
);

export const lostTailCommand = record({
  type: constant('AcceptLostTail' as const),
  now: constantFrom(new Date(0), new Date(1)),
  endsAt: constantFrom(null, asPosition('1')),
  knownTo: constant(asPosition('2')),
});
export const ledgerCommand: fc.Arbitrary<SealingCommand> = oneof(
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

export const bulkRetryCommand: fc.Arbitrary<BulkRetryCommand> = oneof(
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

export const replayCommand: fc.Arbitrary<ReplayCommand> = oneof(
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
