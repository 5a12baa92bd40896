// Arbitrary commands on organizations, keys, messages, sources and records of what was shown. From few values, so the same ones meet.
import * as fc from 'fast-check';
import { apiKeyRoles, type ApiKeyCommand } from '../../src/domain/api-key.ts';
import type { Position } from '../../src/domain/ids.ts';
import type { Json } from '../../src/domain/json.ts';
import type { RecordedDisclosure } from '../../src/domain/disclosure.ts';
import type { RecordedDraftTest } from '../../src/domain/draft-test.ts';
import { portalCapabilities } from '../../src/domain/portal-capability.ts';
import type { PortalSessionCommand } from '../../src/domain/portal-session.ts';
import type { AcceptMessage } from '../../src/domain/message.ts';
import type { OrganizationCommand } from '../../src/domain/organization.ts';
import type { OrganizationLimits } from '../../src/domain/organization-events.ts';
import type { Advance } from '../../src/domain/reading.ts';
import type { SourceCommand } from '../../src/domain/source.ts';
import { text, object, time, iso, organizationId, endpointId } from './endpoint-and-delivery-commands.ts';

const { constant, constantFrom, integer, option, record, oneof } = fc;
const organizationSettings = {
  name: constantFrom('A', 'B'),
  metadata: constantFrom<Json | undefined>(undefined, {}, { plan: 'gold' }),
  limits: constantFrom<OrganizationLimits | undefined>(undefined, {}, { endpoints: 5 }, { endpoints: null, payloadBytes: 9 }),
};
export const organizationCommand: fc.Arbitrary<OrganizationCommand> = oneof(
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

export const sealingKeyCommand = record({ type: constant('RewrapKey' as const), encryptionKey: constantFrom('w1', 'w2') });

const hour = constantFrom('2026-01-01T10:00:00.000Z', '2026-01-01T11:00:00.000Z');
export const portalSessionCommand: fc.Arbitrary<PortalSessionCommand> = record({
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

export const disclosureCommand: fc.Arbitrary<RecordedDisclosure> = record({
  type: constant('Record' as const),
  shown: oneof(
    record({ type: constant('disclosure.secret-shown' as const), data: record({ organizationId, endpointId, hour }) }),
    record({ type: constant('disclosure.signing-key-shown' as const), data: record({ organizationId, hour }) }),
  ),
});

export const draftTestCommand: fc.Arbitrary<RecordedDraftTest> = record({
  type: constant('Record' as const),
  made: record({
    type: constant('drafttest.made' as const),
    data: record({ organizationId, endpointId, eventType: constant('a.b'), url: constant('https://a.example') }),
  }),
});

export const apiKeyCommand: fc.Arbitrary<ApiKeyCommand> = oneof(
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

export const messageCommand: fc.Arbitrary<AcceptMessage> = record({
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
  organizationFrom: constantFrom(null, { field: null }, { field: 'customer.id' }),
  createOrganizations: fc.boolean(),
});
export const sourceCommand: fc.Arbitrary<SourceCommand> = oneof(
  record({ type: constant('Register' as const), organizationId, settings: sourceSettings, after: constantFrom(null, '1' as Position) }),
  record({ type: constant('Change' as const), settings: sourceSettings }),
  record({ type: constantFrom('Pause', 'Resume', 'Delete') }),
);
const places = constantFrom(...(['1', '2', '3'] as Position[]));
export const readingCommand: fc.Arbitrary<Advance> = record({
  type: constant('Advance' as const),
  from: oneof(constant(null), places),
  to: places,
  published: fc.nat(),
  skipped: fc.array(record({ id: text, stream: text, revision: fc.nat(), position: places, type: text, reason: text }), { maxLength: 2 }),
});
