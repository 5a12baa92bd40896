// Sample values for tests: an endpoint's settings, whose delivery it is, what an attempt got, and events of the log.
import type { DomainEvent } from '../../src/domain/catalog.ts';
import type { AttemptRecord } from '../../src/domain/attempts.ts';
import type { DeliverySubject } from '../../src/domain/delivery.ts';
import { registeredData, type EndpointEvent, type EndpointSettings } from '../../src/domain/endpoint-events.ts';
import type { EndpointUrl } from '../../src/domain/endpoint-url.ts';
import type { EndpointId, MessageId, OrganizationId, Position } from '../../src/domain/ids.ts';
import type { MessageEvent } from '../../src/domain/message.ts';
import type { RecordedEvent } from '../../src/event-store/event-store.ts';

export const organizationId = 'default' as OrganizationId;

/** A URL in which nothing is secret. */
export const harmlessUrl = (url: string): EndpointUrl => ({ shown: url, encrypted: null });

export const settings: EndpointSettings = {
  name: 'Alerts',
  url: harmlessUrl('https://receiver.example/hook'),
  description: null,
  eventTypes: ['*'],
  filter: null,
  format: 'ENVELOPE',
  formatOptions: null,
  signature: 'NONE',
  useOrganizationKey: false,
  headers: [],
  retryPolicy: { delaysSeconds: [0, 60, 300], jitter: 0 },
  timeoutSeconds: 30,
  batch: null,
  rateLimit: null,
  maxConcurrency: null,
  ordering: 'NONE',
  onExhausted: 'CONTINUE',
  disableAfterSeconds: null,
};

export const registered = (
  changed: Partial<EndpointSettings> = {},
  more: { organizationId?: OrganizationId; secret?: string | null; disabled?: boolean } = {},
): EndpointEvent & { type: 'endpoint.registered' } => ({
  type: 'endpoint.registered',
  data: registeredData({ organizationId, secret: null, disabled: false, settings: { ...settings, ...changed }, ...more }),
});

export const accepted = (
  destinations: readonly (
    EndpointId | { endpointId: EndpointId; ordering?: 'PER_KEY' | 'STRICT'; notBefore?: string; delaySeconds?: number }
  )[],
  more: Partial<MessageEvent['data']> = {},
): MessageEvent => ({
  type: 'message.accepted',
  data: {
    organizationId,
    type: 'alert.created',
    timestamp: '2026-01-01T00:00:00Z',
    data: { severity: 'critical' },
    destinations: destinations.map((each) => (typeof each === 'string' ? { endpointId: each } : each)),
    skipped: [],
    routedAt: '' as Position,
    ...more,
  },
});

export const subject: DeliverySubject = { organizationId, messageId: 'm1' as MessageId, endpointId: 'e1' as EndpointId };

/** An attempt that began at noon and took a second. */
export const record = (attempt: number, more: Partial<AttemptRecord> = {}): AttemptRecord => ({
  attempt,
  startedAt: '2026-01-01T12:00:00.000Z',
  durationMs: 1000,
  url: settings.url.shown,
  endpointRevision: 0,
  bodySha256: 'ab',
  requestHeaders: { 'webhook-id': 'm1' },
  ...more,
});

/** What made an attempt due, where that is not what a test is about. */
export const dueCause = { causationId: 'the-cause', correlationId: 'the-request' };

export const recorded = <E extends DomainEvent>(
  event: E,
  where: { stream: string; revision?: number; position?: number; recordedAt?: string },
): RecordedEvent<E> => {
  const { stream, revision = 0, position = 1, recordedAt = '2026-01-01T12:00:00.000Z' } = where;
  const id = `event-${stream}-${revision}`;
  const place = { stream, revision, position: String(position).padStart(12, '0') as Position, recordedAt };
  return { ...event, id, metadata: { actor: 'test' }, ...place } as unknown as RecordedEvent<E>; // TypeScript does not see it through `E`
};
