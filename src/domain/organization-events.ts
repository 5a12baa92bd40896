// The events of an organization.
import * as z from 'zod';
import { json } from './json.ts';
import { storedPortalSettings } from './portal-settings.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

export const audiences = ['PUBLIC', 'INTERNAL'] as const;
export type Audience = (typeof audiences)[number];

const eventType = z.object({
  name: z.string(),
  group: z.string().describe('Endpoints can subscribe to the group instead of the name.'),
  description: z.string().nullable(),
  sample: json.nullable().describe('The payload of a test delivery.'),
});
export type EventTypeDefinition = z.infer<typeof eventType>;

const shared = z
  .literal(true)
  .describe('For every organization. Only in the stream of the organization `default`. Absent: for its own organization.')
  .optional();

const limit = (unit: string) => z.number().describe(unit).nullable().optional();
const limits = z
  .object({
    messagesPerSecond: limit('Messages accepted in a second.'),
    endpoints: limit('Endpoints that exist.'),
    waitingDeliveries: limit('Deliveries that have not ended.'),
    payloadBytes: limit('Bytes of the data of one message, as JSON.'),
    portalSessionsPerHour: limit('Portal sessions opened in an hour.'),
    payloadDays: limit('Days that the data of messages is kept.'),
    messageDays: limit('Days that messages are kept.'),
  })
  .describe("All of the organization's own limits. A limit that is null or absent is the installation's default.");
/** Null or left out: the installation's default. */
export type OrganizationLimits = z.infer<typeof limits>;

const metadata = json.describe('What the platform keeps with the organization.');

export const organizationEvents = {
  'organization.registered': z
    .object({
      name: z.string(),
      encryptionKey: z.string().describe('The AES-256 key of its secrets, wrapped by the master key.'),
      metadata: metadata.optional().describe('What the platform keeps with the organization. Absent: an empty object.'),
      limits: limits.optional().describe("Its own limits. Absent: the installation's defaults."),
    })
    .describe('The organization was registered.'),
  'organization.renamed': z.object({ name: z.string() }).describe('The organization was renamed.'),
  'organization.metadata-changed': z.object({ metadata }).describe("The organization's metadata was replaced."),
  'organization.limits-changed': z.object({ limits }).describe("The organization's own limits are these from here on."),
  'organization.suspended': z
    .object({ reason: z.string().nullable().describe('What its publishers are told.') })
    .describe('The organization was suspended: nothing is published in it, and its deliveries are held.'),
  'organization.resumed': z.object({}).describe('The organization is no longer suspended.'),
  'organization.deleted': z
    .object({})
    .describe(
      'The organization was deleted. Its keys and portal sessions end here, and its data keys are never used again. Its endpoints are deleted, and what waits is cancelled, by events that follow. Its id is never used again.',
    ),
  'organization.encryption-key-rotated': z
    .object({ encryptionKey: z.string().describe('Another AES-256 key, wrapped by the master key.') })
    .describe('What is encrypted from here on is encrypted under another key. The keys before it go on opening what they encrypted.'),
  'organization.encryption-keys-rewrapped': z
    .object({ encryptionKeys: z.array(z.string()).min(1).readonly().describe('All of them, the newest last.') })
    .describe('The same keys, wrapped by another master key.'),
  'organization.signing-key-set': z
    .object({ key: z.string().describe('Encrypted.') })
    .describe('The signing key was set or replaced. Endpoints that use it sign with it from their next attempt.'),
  'organization.event-type-defined': eventType
    .extend({
      shared,
      audience: z
        .enum(audiences)
        .exclude(['PUBLIC'])
        .describe('INTERNAL: hidden from portal sessions. Absent: everyone sees it.')
        .optional(),
    })
    .describe('An event type was defined. Defining a name again replaces it, and brings a retired one back.'),
  'organization.event-type-retired': z
    .object({ name: z.string(), shared })
    .describe('An event type was retired: it is no longer offered, but remains defined.'),
  'organization.portal-sessions-ended': z
    .object({
      counter: z.int().describe('How often they have been ended. Each session carries the number that was current when it was opened.'),
    })
    .describe('All portal sessions of the organization that were opened until now were ended.'),
  'organization.portal-settings-changed': storedPortalSettings.describe("How the portal looks to the organization's people was changed."),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type OrganizationEvent = Of<typeof organizationEvents>;

export const isOrganizationEvent = <E extends { readonly type: string }>(event: E): event is Extract<E, OrganizationEvent> =>
  event.type in organizationEvents;
