// The events of an endpoint, and its settings as the log holds them. endpoint.ts decides and folds them.
// Secrets, header values and the secret parts of URLs are encrypted, as opaque strings. Equal plain texts have equal cipher texts.
import * as z from 'zod';
import { storedAudience, type EndpointAudience } from './endpoint-audience.ts';
import { storedDisabling, type DisablingSettings } from './endpoint-disabling.ts';
import { storedHeaders } from './endpoint-headers.ts';
import { saidPace, storedPace, type PaceSettings } from './endpoint-pace.ts';
import { endpointUrl } from './endpoint-url.ts';
import { payloadFormats } from './format-options.ts';
import { organizationId } from './ids.ts';
import { jsonObject } from './json.ts';
import { exhaustedActions, orderings, type OnExhausted, type Ordering } from './ordering.ts';

export const signatureSchemes = ['NONE', 'WEBHOOK_SHA256', 'SIGNATURE_SHA256', 'STANDARD_WEBHOOKS', 'STANDARD_WEBHOOKS_ED25519'] as const;
export type SignatureScheme = (typeof signatureSchemes)[number];

/** So a secret that was rotated can sign beside the new one. */
export const carriesSeveralSignatures = (scheme: SignatureScheme) =>
  scheme === 'STANDARD_WEBHOOKS' || scheme === 'STANDARD_WEBHOOKS_ED25519';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const name = z.string();
const description = z.string().nullable();
const eventTypes = z.array(z.string()).readonly().describe('The event types and groups that the endpoint subscribes to.');
const filter = jsonObject.nullable();
const format = z.enum(payloadFormats);
const formatOptions = jsonObject
  .nullable()
  .describe('A routing key, and constants under names of secrets, are encrypted; `constants` has a mask in their places.');
const signature = z.enum(signatureSchemes);
const useOrganizationKey = z.boolean().describe("Signs with the organization's key instead of its own secret.");
const encrypted = z.string().describe('Encrypted.');
const retryPolicy = z.object({
  delaysSeconds: z
    .array(z.number())
    .readonly()
    .describe('Attempt n+1 comes delaysSeconds[n] after attempt n failed; the first entry is the delay of the first attempt.'),
  jitter: z.number().describe('Each pause is lengthened by up to this fraction.'),
});
const timeoutSeconds = z.number().describe('From connect to the last byte of the response.');
const batch = z.object({ maxSize: z.int(), maxWaitMs: z.int() }).nullable();
const ordering = z.enum(orderings).describe('Whether messages of one ordering key, or all, are sent one after the other.');
const onExhausted = z.enum(exhaustedActions).describe('What becomes of a key whose first delivery is out of attempts.');

const settings = z.object({
  name,
  url: endpointUrl,
  description,
  eventTypes,
  filter,
  format,
  formatOptions,
  signature,
  useOrganizationKey,
  headers: storedHeaders,
  retryPolicy,
  timeoutSeconds,
  batch,
});
/** Everything that a person sets, except the secret and the status. */
export type EndpointSettings = z.infer<typeof settings> &
  PaceSettings &
  DisablingSettings & { readonly ordering: Ordering; readonly onExhausted: OnExhausted };

export const endpointEvents = {
  'endpoint.registered': settings
    .extend({
      organizationId,
      secret: encrypted.nullable(),
      disabled: z.boolean().describe('Registered as disabled.'),
      rateLimit: storedPace.rateLimit.optional(),
      maxConcurrency: storedPace.maxConcurrency.optional(),
      ordering: ordering.describe('Absent: NONE.').optional(),
      onExhausted: onExhausted.describe('Absent: CONTINUE.').optional(),
      disableAfterSeconds: storedDisabling.optional(),
      audience: storedAudience,
    })
    .describe('An endpoint was registered, with its whole configuration.'),
  'endpoint.renamed': z.object({ name }).describe('The endpoint was renamed.'),
  'endpoint.described': z.object({ description }).describe('The description was changed or removed.'),
  'endpoint.url-changed': z
    .object({ url: endpointUrl, audience: storedAudience })
    .describe('The URL was changed. All later attempts, including retries, use it.'),
  'endpoint.subscription-changed': z
    .object({ eventTypes, filter, audience: storedAudience })
    .describe('The subscription was changed for messages accepted from now on.'),
  'endpoint.format-changed': z.object({ format, formatOptions }).describe('The format of request bodies was changed.'),
  'endpoint.signature-changed': z.object({ signature, useOrganizationKey }).describe('The signature was changed.'),
  'endpoint.headers-changed': z.object({ headers: storedHeaders }).describe("The endpoint's own headers were changed."),
  'endpoint.retry-policy-changed': z.object({ retryPolicy }).describe('The retry policy was changed for failures from now on.'),
  'endpoint.timeout-changed': z.object({ timeoutSeconds }).describe('The timeout of requests was changed.'),
  'endpoint.batch-changed': z.object({ batch }).describe('Batching was turned on, changed or turned off.'),
  'endpoint.rate-limit-changed': z
    .object({ rateLimit: storedPace.rateLimit })
    .describe('The limit of requests a second was set, changed or removed.'),
  'endpoint.concurrency-changed': z
    .object({ maxConcurrency: storedPace.maxConcurrency })
    .describe('The limit of requests at one time was set, changed or removed.'),
  'endpoint.ordering-changed': z
    .object({ ordering, onExhausted })
    .describe('The order was changed for messages accepted from now on, and what follows a last failed attempt for those that come to it.'),
  'endpoint.disabling-changed': z
    .object({ disableAfterSeconds: storedDisabling })
    .describe('After how long without success the endpoint is disabled was changed.'),
  'endpoint.secret-rotated': z
    .object({
      secret: encrypted,
      previousUntil: z.string().describe('ISO 8601: until then the previous secret signs as well, if the scheme can carry two signatures.'),
    })
    .describe('The secret was rotated.'),
  'endpoint.paused': z.object({}).describe('The endpoint was paused: its deliveries are held until it is resumed.'),
  'endpoint.resumed': z.object({}).describe('The endpoint was resumed: held deliveries are sent.'),
  'endpoint.disabled': z
    .object({ reason: z.string().nullable() })
    .describe(
      'The endpoint was disabled: until it is enabled, messages that match are recorded as skipped and waiting deliveries are held.',
    ),
  'endpoint.enabled': z.object({}).describe('The endpoint was enabled: it gets messages again.'),
  'endpoint.deleted': z.object({}).describe('The endpoint was deleted.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type EndpointEvent = Of<typeof endpointEvents>;

// ── What endpoint.registered holds ──

type Registered = Extract<EndpointEvent, { type: 'endpoint.registered' }>['data'];

/** What was registered, with the defaults of settings that the event does not have. */
export const registeredIn = ({
  organizationId,
  secret,
  disabled,
  rateLimit = null,
  maxConcurrency = null,
  ordering = 'NONE',
  onExhausted = 'CONTINUE',
  disableAfterSeconds = null,
  audience,
  ...rest
}: Registered) => ({
  organizationId,
  secret,
  disabled,
  audience,
  settings: { ...rest, rateLimit, maxConcurrency, ordering, onExhausted, disableAfterSeconds } satisfies EndpointSettings,
});

type ToRegister = Omit<ReturnType<typeof registeredIn>, 'audience'> & { readonly audience?: EndpointAudience };

/** Leaves out settings that have their defaults. */
export const registeredData = ({ organizationId, secret, disabled, audience, settings }: ToRegister): Registered => {
  const { rateLimit, maxConcurrency, ordering, onExhausted, disableAfterSeconds, ...rest } = settings;
  return {
    organizationId,
    ...rest,
    ...saidPace({ rateLimit, maxConcurrency }),
    ...(ordering !== 'NONE' && { ordering }),
    ...(onExhausted !== 'CONTINUE' && { onExhausted }),
    ...(disableAfterSeconds !== null && { disableAfterSeconds }),
    secret,
    disabled,
    ...(audience && { audience }),
  };
};
