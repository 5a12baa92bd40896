// Which fields of an answer portal sessions see, by type. A field or type that is not here is refused to them. Roles see all fields of what they may ask
// for, but for those of `adminFields`.
import type { Json } from '../../domain/json.ts';
import type { PortalCapability } from '../../domain/portal-capability.ts';

/** Without `needs`, every session sees it; NEVER: none. `instead`: the answer in its place. Undefined: the field is refused. */
export type PortalField = { readonly needs?: PortalCapability | 'NEVER'; readonly instead?: Json };

const open: PortalField = {};
const payload = (instead: Json): PortalField => ({ needs: 'VIEW_PAYLOADS', instead });
const isNull: PortalField = { needs: 'NEVER', instead: null };
const openAll = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, open]));

/** Types that hold nothing but what their fields are called: pages, settings, figures. */
const plain: PortalField = {};
export const plainTypes: ReadonlySet<string> = new Set([
  'PageInfo',
  'EndpointConnection',
  'EndpointEdge',
  'MessageConnection',
  'MessageEdge',
  'DeliveryConnection',
  'DeliveryEdge',
  'BulkRetryConnection',
  'BulkRetryEdge',
  'RoutingConnection',
  'RoutingEdge',
  'Count',
  'SuccessRate',
  'RetryPolicy',
  'Batch',
  'RateLimit',
  'Header',
  'EndpointHealth',
  'EventType',
  'Caller',
  'FailedCondition',
  'DeliveryBatch',
  'Conservation',
  'DeliveryStats',
  'DeliveriesChanged',
  'MessageOutcome',
  'EndpointPreview',
  'TestResult',
  'Attention',
  'PortalSettings',
  'WhatIfNew',
  'WhatIfChanged',
]);

export const portalFields: Readonly<Record<string, Readonly<Record<string, PortalField>>>> = {
  Endpoint: {
    ...openAll('id', 'name', 'description', 'url', 'status', 'disabledReason', 'eventTypes', 'undefinedEventTypes', 'filter'),
    ...openAll('format', 'formatOptions', 'signature', 'headers', 'retryPolicy', 'timeoutSeconds', 'batch', 'rateLimit', 'maxConcurrency'),
    ...openAll('ordering', 'onExhausted', 'disableAfterSeconds', 'useOrganizationKey', 'publicKey', 'previousSecretUntil', 'revision'),
    ...openAll('health', 'successRate', 'deliveries', 'deliveryStats', 'openDeliveries', 'heldDeliveries', 'skippedSinceDisabled'),
    ...openAll('lastAttempt', 'createdAt', 'updatedAt', 'organization', 'secret'), // `secret` is null without VIEW_SECRETS, but when it was made just now
  },
  Message: {
    ...openAll('id', 'clientId', 'eventType', 'timestamp', 'acceptedAt', 'position', 'orderingKey', 'deliveries', 'skipped', 'timeline'),
    ...openAll('organization', 'dataHidden', 'outcome', 'routing', 'erasedAt', 'erasedReason'),
    data: payload({}),
  },
  Delivery: {
    ...openAll('id', 'message', 'endpoint', 'status', 'test', 'batch', 'attempts', 'attemptCount', 'nextAttemptAt', 'createdAt', 'endedAt'),
    ...openAll('heldReason', 'organization', 'lastResponseCode', 'lastFailure', 'lastError', 'lastAttemptAt', 'attemptsPlanned'),
  },
  Attempt: {
    ...openAll('number', 'startedAt', 'durationMs', 'url', 'responseCode', 'responseHeaders', 'requestHeaders', 'failure', 'error'),
    ...openAll('configuration', 'trigger', 'hint', 'bodySha256', 'bodyVerified', 'responseTruncated'),
    responseBody: payload(null),
    requestBody: payload(null),
  },
  TimelineEntry: openAll('at', 'text', 'event', 'delivery'),
  LogEvent: {
    ...openAll('id', 'position', 'stream', 'revision', 'type', 'recordedAt', 'actor', 'actorId', 'correlationId', 'causationId', 'data'),
  },
  BulkRetry: openAll('id', 'matched', 'retried', 'status', 'filter', 'actor', 'requestedAt', 'endedAt'),
  Organization: openAll('id', 'name', 'status'),
  WouldBeReceived: { message: open, body: payload(null), error: payload(null) },
  RoutingReason: openAll('endpoint', 'routed', 'reason', 'failedConditions'), // `failedConditions` is empty without VIEW_PAYLOADS
  FailureStats: openAll('key', 'attempts', 'deliveries', 'lastAt', 'example'),
  System: {
    ...openAll('version', 'httpAllowed', 'privateNetworksAllowed'),
    ...Object.fromEntries(['log', 'database', 'consumers', 'inFlight', 'waiting', 'oldestDueSeconds'].map((name) => [name, isNull])),
  },
};

/** Undefined: no portal session sees the field. Fields of the roots are allowed by their handlers. */
export const portalFieldOf = (type: string, field: string): PortalField | undefined =>
  plainTypes.has(type) ? plain : portalFields[type]?.[field];

/** Fields that only admins see, of types that others may ask for. */
export const adminFields: Readonly<Record<string, readonly string[]>> = { Organization: ['signingKey', 'metadata'] };
