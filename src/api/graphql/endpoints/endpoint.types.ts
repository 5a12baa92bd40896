// The GraphQL types of endpoints as they are answered; the inputs are in endpoint.inputs.ts.
import { Field, Float, ID, Int, ObjectType } from '@nestjs/graphql';
import { exhaustedActions, orderings, type OnExhausted, type Ordering } from '../../../domain/ordering.ts';
import { shownSubscription } from '../../../domain/endpoint-audience.ts';
import { carriesSeveralSignatures, signatureSchemes } from '../../../domain/endpoint-events.ts';
import type { EndpointConfiguration, EndpointStatus as Status } from '../../../domain/endpoint.ts';
import { payloadFormats } from '../../../domain/format-options.ts';
import { asEndpointId, type EndpointId, type OrganizationId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { openUrl, shownUrlOf } from '../../../domain/endpoint-url.ts';
import { mask, maskOwnHeader } from '../../../domain/header-masking.ts';
import { maskedFormatOptions } from '../../../domain/event-masking.ts';
import { endpointOrders } from '../../../read-models/queries/endpoint-pages.ts';
import { windows } from '../../../read-models/queries/success-rate.ts';
import { headerField, secretField } from '../../../domain/secret-fields.ts';
import { endpointStream } from '../../../domain/streams.ts';
import { publicKeyOf } from '../../../secrets/signing-keys.ts';
import { connectionType } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { enumType } from '../enums.ts';
import { DateTime, JsonScalar } from '../scalars.ts';
import type { EndpointSnapshot } from '../history/stream-queries.ts';

const statuses = ['ENABLED', 'PAUSED', 'DISABLED'] as const satisfies readonly Status[];
export const EndpointStatus = enumType('EndpointStatus', statuses);
export const PayloadFormat = enumType('PayloadFormat', payloadFormats);
export const SignatureScheme = enumType('SignatureScheme', signatureSchemes, {
  valuesMap: {
    WEBHOOK_SHA256: { description: 'X-Webhook-Signature: sha256=<hex HMAC-SHA256 of the body>' },
    SIGNATURE_SHA256: { description: 'x-signature-algo: sha256 and x-signature: <hex HMAC-SHA256 of the body>' },
    STANDARD_WEBHOOKS: { description: 'webhook-id, webhook-timestamp, webhook-signature: v1,<base64>' },
    STANDARD_WEBHOOKS_ED25519: { description: 'as above with v1a, Ed25519' },
  },
});
export const Window = enumType('Window', windows);
export const EndpointOrder = enumType('EndpointOrder', endpointOrders, {
  valuesMap: { FAILING_FIRST: { description: 'open circuits, then failing endpoints, the longest first; then the others, newest first' } },
});
export const OrderingEnum = enumType('Ordering', orderings);
export const OnExhaustedEnum = enumType('OnExhausted', exhaustedActions);

@ObjectType()
export class Header {
  @Field(() => String)
  readonly name!: string;
  @Field(() => String)
  readonly value!: string;
}

@ObjectType({
  description: 'Attempt n+1 comes delaysSeconds[n] after attempt n failed; the first entry is the delay of the first attempt.',
})
export class RetryPolicy {
  @Field(() => [Float])
  readonly delaysSeconds!: readonly number[];
  @Field(() => Float)
  readonly jitter!: number;
}

@ObjectType()
export class Batch {
  @Field(() => Int)
  readonly maxSize!: number;
  @Field(() => Int)
  readonly maxWaitMs!: number;
}

@ObjectType()
export class RateLimit {
  @Field(() => Float)
  readonly perSecond!: number;
  @Field(() => Int)
  readonly burst!: number;
}

@ObjectType({
  description: 'Deliveries that ended: succeeded of total. `label` reads as people expect: "98% (245/250)"; "–" before any ended.',
})
export class SuccessRate {
  @Field(() => Float, { nullable: true })
  readonly ratio!: number | null;
  @Field(() => Int)
  readonly succeeded!: number;
  @Field(() => Int)
  readonly total!: number;
  @Field(() => String)
  readonly label!: string;
}

@ObjectType()
export class Endpoint {
  /** No field: `organization` is. */
  readonly organizationId!: OrganizationId;
  @Field(() => ID)
  readonly id!: EndpointId;
  @Field(() => String, { description: 'need not be unique' })
  readonly name!: string;
  @Field(() => String, { nullable: true })
  readonly description!: string | null;
  @Field(() => String, { description: 'Parts that may be credentials are masked, but for admins.' })
  readonly url!: string;
  @Field(() => EndpointStatus)
  readonly status!: EndpointConfiguration['status'];
  @Field(() => String, { nullable: true })
  readonly disabledReason!: string | null;
  @Field(() => [String], { description: 'Names, `meeting.*`, groups such as `alerts`, or `*`.' })
  readonly eventTypes!: readonly string[];
  @Field(() => JsonScalar, {
    nullable: true,
    description: 'A pattern over the message\'s data, e.g. {"severity": ["critical", "warning"]}; null takes all.',
  })
  readonly filter!: Json;
  @Field(() => PayloadFormat)
  readonly format!: EndpointConfiguration['settings']['format'];
  @Field(() => JsonScalar, { nullable: true, description: 'constants, template, routing key (write-only) …' })
  readonly formatOptions!: Json;
  @Field(() => SignatureScheme)
  readonly signature!: EndpointConfiguration['settings']['signature'];
  @Field(() => Boolean)
  readonly useOrganizationKey!: boolean;
  @Field(() => DateTime, { nullable: true, description: 'Until then the secret before signs as well.' })
  readonly previousSecretUntil!: string | null;
  @Field(() => [Header], { description: 'values are masked, but for a few headers that never carry secrets, such as Content-Type' })
  readonly headers!: readonly Header[];
  @Field(() => RetryPolicy)
  readonly retryPolicy!: RetryPolicy;
  @Field(() => Float)
  readonly timeoutSeconds!: number;
  @Field(() => Batch, { nullable: true })
  readonly batch!: Batch | null;
  @Field(() => RateLimit, { nullable: true, description: 'Exact within 5 % over any 10 s, over all replicas; null: unlimited.' })
  readonly rateLimit!: RateLimit | null;
  @Field(() => Int, {
    nullable: true,
    description: "Requests at one time, over all replicas; null: the installation's default.",
  })
  readonly maxConcurrency!: number | null;
  @Field(() => Int, { nullable: true, description: 'Disabled after so long without one success while there were failures; null: never.' })
  readonly disableAfterSeconds!: number | null;
  @Field(() => OrderingEnum, {
    description: 'PER_KEY: messages of one `orderingKey` arrive in log order; a failed one holds its key. STRICT: one key for all.',
  })
  readonly ordering!: Ordering;
  @Field(() => OnExhaustedEnum, { description: 'What becomes of a key whose head is out of attempts.' })
  readonly onExhausted!: OnExhausted;
  @Field(() => DateTime)
  readonly createdAt!: string;
  @Field(() => DateTime)
  readonly updatedAt!: string;
  @Field(() => Int, {
    description:
      'Of its configuration and status; for `expectedRevision`. Health, open, held, skipped and lastAttempt are always those of now.',
  })
  readonly revision!: number;
  /** For `secret`. */
  readonly secretAccess!: SecretAccess;
  /** For `publicKey`: derives it from the secret. */
  readonly readPublicKey!: () => string | null;
}

export const EndpointConnection = connectionType('Endpoint', () => Endpoint);

/**
 * NEW: made by this very mutation, so its caller is shown it, once. CURRENT: admins are shown it, and that is recorded. PAST: masked for everyone.
 * `read` is null where the endpoint signs with no secret of its own.
 */
type SecretAccess = { readonly kind: 'NEW' | 'CURRENT' | 'PAST'; readonly read: () => string | null };

type ShownTo = Pick<ApiContext, 'keyring' | 'caller' | 'hiddenTypes'>;

/** The endpoint as it is now. */
export const toEndpoint = (snapshot: EndpointSnapshot, context: ShownTo): Endpoint => withCurrentSecret('CURRENT', snapshot, context);

/** The endpoint right after the mutation that made its secret. */
export const toEndpointWithNewSecret = (snapshot: EndpointSnapshot, context: ShownTo): Endpoint =>
  withCurrentSecret('NEW', snapshot, context);

const withCurrentSecret = (kind: 'NEW' | 'CURRENT', snapshot: EndpointSnapshot, context: ShownTo): Endpoint => {
  const secret = ownSecretOf(snapshot.configuration);
  const { settings } = snapshot.configuration;
  const cipher = context.keyring.cipherFor(endpointStream(snapshot.id));
  return {
    ...fieldsOf(snapshot, context),
    url: context.caller.sight.secrets ? openUrl(settings.url, cipher) : shownUrlOf(settings.url),
    secretAccess: { kind, read: () => (secret === null ? null : cipher.open(secret, secretField)) },
  };
};

/** The endpoint at an earlier moment. Not even admins see the secret and the URL's secret parts that it had then. */
export const toPastEndpoint = (snapshot: EndpointSnapshot, context: ShownTo): Endpoint => {
  const secret = ownSecretOf(snapshot.configuration);
  return { ...fieldsOf(snapshot, context), secretAccess: { kind: 'PAST', read: () => (secret === null ? null : mask) } };
};

/** The endpoint as a draft would leave it, which is shown under the id `draft`. */
export const toDraftEndpoint = (snapshot: EndpointSnapshot, context: ShownTo): Endpoint => {
  const secret = ownSecretOf(snapshot.configuration);
  const secretAccess: SecretAccess = { kind: 'PAST', read: () => (secret === null ? null : mask) };
  return { ...fieldsOf(snapshot, context), id: draftId, secretAccess };
};
export const draftId = asEndpointId('draft');

const fieldsOf = (
  { id, configuration, createdAt, updatedAt, revision }: EndpointSnapshot,
  { keyring, hiddenTypes }: ShownTo,
): Omit<Endpoint, 'secretAccess'> => {
  const { settings, status, disabledReason } = configuration;
  const { name, description, url, eventTypes, filter, format, formatOptions, signature, headers, retryPolicy, timeoutSeconds } = settings;
  const { batch, rateLimit, maxConcurrency, disableAfterSeconds, ordering, onExhausted } = settings;
  const secret = ownSecretOf(configuration);
  const cipher = keyring.cipherFor(endpointStream(id));
  return {
    id,
    organizationId: configuration.organizationId,
    name,
    description,
    url: shownUrlOf(url),
    status,
    disabledReason,
    eventTypes: shownSubscription(eventTypes, hiddenTypes),
    filter,
    format,
    signature,
    retryPolicy,
    timeoutSeconds,
    batch,
    rateLimit,
    maxConcurrency,
    disableAfterSeconds,
    ordering,
    onExhausted,
    formatOptions: maskedFormatOptions(formatOptions),
    headers: headers.map((header) => ({
      name: header.name,
      value: maskOwnHeader(header.name, () => cipher.open(header.value, headerField(header.name))),
    })),
    useOrganizationKey: settings.useOrganizationKey,
    previousSecretUntil: previousSecretUntil(configuration, new Date()),
    createdAt,
    updatedAt,
    revision,
    readPublicKey: () =>
      secret !== null && signature === 'STANDARD_WEBHOOKS_ED25519' ? publicKeyOf(cipher.open(secret, secretField)) : null,
  };
};

/** Null where the secret before signs nothing (any more). */
const previousSecretUntil = (configuration: EndpointConfiguration, now: Date): string | null => {
  const { previousSecret, settings } = configuration;
  if (previousSecret === null || ownSecretOf(configuration) === null || !carriesSeveralSignatures(settings.signature)) return null;
  return previousSecret.until > now.toISOString() ? previousSecret.until : null;
};

/** Null where the organization's key signs, or nothing does. */
const ownSecretOf = ({ settings, secret }: EndpointConfiguration): string | null =>
  settings.signature === 'NONE' || settings.useOrganizationKey ? null : secret;
