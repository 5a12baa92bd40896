// The GraphQL types of endpoints: what is shown, and what is given.
import { Field, Float, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { EndpointConfiguration } from '../../../domain/endpoint.ts';
import type { EndpointId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { isSensitiveHeader, mask, maskHeader } from '../../../domain/sensitive.ts';
import { publicKeyOf } from '../../../secrets/signing-keys.ts';
import type { Keyring } from '../../../secrets/vault.ts';
import { maskSecrets } from '../../../domain/masking.ts';
import { connectionOf } from '../connections.ts';
import { EndpointStatus, PayloadFormat, SignatureScheme } from '../enums.ts';
import { DateTime, JsonScalar } from '../scalars.ts';

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
  @Field(() => ID)
  readonly id!: EndpointId;
  @Field(() => String, { description: 'need not be unique' })
  readonly name!: string;
  @Field(() => String, { nullable: true })
  readonly description!: string | null;
  @Field(() => String)
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
  @Field(() => [Header], { description: 'values of sensitive headers are masked' })
  readonly headers!: readonly Header[];
  @Field(() => RetryPolicy)
  readonly retryPolicy!: RetryPolicy;
  @Field(() => Float)
  readonly timeoutSeconds!: number;
  @Field(() => Batch, { nullable: true })
  readonly batch!: Batch | null;
  @Field(() => DateTime)
  readonly createdAt!: string;
  @Field(() => DateTime)
  readonly updatedAt!: string;
  /** For `secret`: what an admin is shown. */
  readonly readSecret!: () => string | null;
  /** For `publicKey`. */
  readonly readPublicKey!: () => string | null;
}

@ObjectType()
export class EndpointPreview {
  @Field(() => String)
  readonly url!: string;
  @Field(() => JsonScalar, { description: 'as they would be sent, the signature included; secrets are masked' })
  readonly headers!: Readonly<Record<string, string>>;
  @Field(() => String, { description: 'a routing key in it is masked' })
  readonly body!: string;
  @Field(() => Boolean, { description: 'Whether the endpoint subscribes to the message, and its filter lets it pass.' })
  readonly matches!: boolean;
}

export const EndpointConnection = connectionOf('Endpoint', () => Endpoint);

export type EndpointSource = {
  readonly id: EndpointId;
  readonly configuration: EndpointConfiguration;
  readonly createdAt: string;
  readonly updatedAt: string;
};

/** `historic`: how it was once. Nobody is shown a secret of the past. */
export const shownEndpoint = (
  { id, configuration, createdAt, updatedAt }: EndpointSource,
  { keyring }: { readonly keyring: Keyring },
  historic = false,
): Endpoint => {
  const { settings, status, disabledReason } = configuration;
  const { name, description, url, eventTypes, filter, format, formatOptions, signature, headers, retryPolicy, timeoutSeconds, batch } =
    settings;
  const secret = signature === 'NONE' || settings.useOrganizationKey ? null : configuration.secret;
  return {
    id,
    name,
    description,
    url,
    status,
    disabledReason,
    eventTypes,
    filter,
    format,
    signature,
    retryPolicy,
    timeoutSeconds,
    batch,
    formatOptions: formatOptions && maskSecrets(formatOptions),
    headers: headers.map((header) => ({
      name: header.name,
      value: isSensitiveHeader(header.name) ? mask : maskHeader(header.name, keyring.open(header.value)),
    })),
    createdAt,
    updatedAt,
    readSecret: () => (secret === null ? null : historic ? mask : keyring.open(secret)),
    readPublicKey: () => (secret !== null && signature === 'STANDARD_WEBHOOKS_ED25519' ? publicKeyOf(keyring.open(secret)) : null),
  };
};

@InputType()
export class HeaderInput {
  @Field(() => String)
  name!: string;
  @Field(() => String)
  value!: string;
}

@InputType()
export class RetryPolicyInput {
  @Field(() => [Float])
  delaysSeconds!: number[];
  @Field(() => Float, { nullable: true, defaultValue: 0 })
  jitter?: number | null;
}

@InputType()
export class BatchInput {
  @Field(() => Int, { defaultValue: 100 })
  maxSize!: number;
  @Field(() => Int, { defaultValue: 1000 })
  maxWaitMs!: number;
}

@InputType()
export class EndpointInput {
  @Field(() => String)
  name!: string;
  @Field(() => String)
  url!: string;
  @Field(() => String, { nullable: true })
  description?: string | null;
  @Field(() => [String], { nullable: true, defaultValue: ['*'] })
  eventTypes?: string[] | null;
  @Field(() => JsonScalar, { nullable: true })
  filter?: Json;
  @Field(() => PayloadFormat, { nullable: true, defaultValue: PayloadFormat.ENVELOPE })
  format?: string | null;
  @Field(() => JsonScalar, { nullable: true })
  formatOptions?: Json;
  @Field(() => SignatureScheme, {
    nullable: true,
    description: "WEBHOOK_SHA256 where a secret is given or the organization's key asked for, else NONE",
  })
  signature?: string | null;
  @Field(() => String, { nullable: true })
  secret?: string | null;
  @Field(() => Boolean, { nullable: true, defaultValue: false })
  useOrganizationKey?: boolean | null;
  @Field(() => [HeaderInput], { nullable: true, defaultValue: [] })
  headers?: HeaderInput[] | null;
  @Field(() => RetryPolicyInput, { nullable: true, description: '[0, 60, 300, 1800, 7200] unless given' })
  retryPolicy?: RetryPolicyInput | null;
  @Field(() => Float, { nullable: true, defaultValue: 30 })
  timeoutSeconds?: number | null;
  @Field(() => BatchInput, { nullable: true })
  batch?: BatchInput | null;
  @Field(() => Boolean, { nullable: true, defaultValue: false })
  disabled?: boolean | null;
}

@InputType()
export class EndpointPatch {
  @Field(() => String, { nullable: true })
  name?: string | null;
  @Field(() => String, { nullable: true })
  url?: string | null;
  @Field(() => String, { nullable: true })
  description?: string | null;
  @Field(() => [String], { nullable: true })
  eventTypes?: string[] | null;
  @Field(() => JsonScalar, { nullable: true })
  filter?: Json;
  @Field(() => PayloadFormat, { nullable: true })
  format?: string | null;
  @Field(() => JsonScalar, { nullable: true })
  formatOptions?: Json;
  @Field(() => SignatureScheme, { nullable: true })
  signature?: string | null;
  @Field(() => Boolean, { nullable: true })
  useOrganizationKey?: boolean | null;
  @Field(() => [HeaderInput], { nullable: true })
  headers?: HeaderInput[] | null;
  @Field(() => RetryPolicyInput, { nullable: true })
  retryPolicy?: RetryPolicyInput | null;
  @Field(() => Float, { nullable: true })
  timeoutSeconds?: number | null;
  @Field(() => BatchInput, { nullable: true })
  batch?: BatchInput | null;
}
