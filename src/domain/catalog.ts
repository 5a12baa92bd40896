// The catalog: every event that the log may hold, by name, with its schema and its current version.
import type * as z from 'zod';
import { apiKeyEvents, type ApiKeyEvent } from './api-key.ts';
import { batchEvents, type BatchEvent } from './batch.ts';
import { bulkRetryEvents, type BulkRetryEvent } from './bulk-retry.ts';
import { deliveryEvents, type DeliveryEvent } from './delivery.ts';
import { disclosureEvents, type DisclosureEvent } from './disclosure.ts';
import { draftTestEvents, type DraftTestEvent } from './draft-test.ts';
import { endpointEvents, type EndpointEvent } from './endpoint-events.ts';
import { portalSessionEvents, type PortalSessionEvent } from './portal-session.ts';
import { sealingEvents, type SealingEvent } from './sealing.ts';
import { messageEvents, type MessageEvent } from './message.ts';
import { replayEvents, type ReplayEvent } from './replay.ts';
import { organizationEvents, type OrganizationEvent } from './organization-events.ts';
import { readingEvents, type ReadingEvent } from './reading.ts';
import { sourceEvents, type SourceEvent } from './source.ts';

export type DomainEvent =
  | OrganizationEvent
  | ApiKeyEvent
  | EndpointEvent
  | MessageEvent
  | DeliveryEvent
  | BatchEvent
  | SealingEvent
  | ReplayEvent
  | BulkRetryEvent
  | SourceEvent
  | ReadingEvent
  | DisclosureEvent
  | DraftTestEvent
  | PortalSessionEvent;
export type EventName = DomainEvent['type'];

/** The events that the endpoint directory follows: those of organizations, API keys and endpoints. */
export type ConfigurationEvent = OrganizationEvent | ApiKeyEvent | EndpointEvent;

export const catalog: Readonly<Record<EventName, z.ZodType>> = {
  ...organizationEvents,
  ...apiKeyEvents,
  ...endpointEvents,
  ...messageEvents,
  ...deliveryEvents,
  ...batchEvents,
  ...sealingEvents,
  ...replayEvents,
  ...bulkRetryEvents,
  ...sourceEvents,
  ...readingEvents,
  ...disclosureEvents,
  ...draftTestEvents,
  ...portalSessionEvents,
};
