// The GraphQL inputs of endpoints. Their values are validated by domain/endpoint-settings.ts.
import { Field, Float, InputType, Int } from '@nestjs/graphql';
import { defaultDisableAfterSeconds } from '../../../domain/endpoint-disabling.ts';
import type { Json } from '../../../domain/json.ts';
import { JsonScalar } from '../scalars.ts';
import { OnExhaustedEnum, OrderingEnum, PayloadFormat, SignatureScheme } from './endpoint.types.ts';

@InputType({ description: '`value` null in a patch: the value it has stays; at creation it is refused.' })
class HeaderInput {
  @Field(() => String)
  name!: string;
  @Field(() => String, { nullable: true, description: 'The mask that is shown in place of a value counts as null.' })
  value?: string | null;
}

@InputType()
class RetryPolicyInput {
  @Field(() => [Float])
  delaysSeconds!: number[];
  @Field(() => Float, { nullable: true, defaultValue: 0 })
  jitter?: number | null;
}

@InputType()
class BatchInput {
  @Field(() => Int, { defaultValue: 100 })
  maxSize!: number;
  @Field(() => Int, { defaultValue: 1000 })
  maxWaitMs!: number;
}

@InputType()
class RateLimitInput {
  @Field(() => Float)
  perSecond!: number;
  @Field(() => Int, { defaultValue: 1 })
  burst!: number;
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
  @Field(() => RateLimitInput, { nullable: true })
  rateLimit?: RateLimitInput | null;
  @Field(() => Int, { nullable: true })
  maxConcurrency?: number | null;
  @Field(() => Int, { nullable: true, defaultValue: defaultDisableAfterSeconds, description: 'null: never' })
  disableAfterSeconds?: number | null;
  @Field(() => OrderingEnum, { nullable: true, defaultValue: OrderingEnum.NONE })
  ordering?: string | null;
  @Field(() => OnExhaustedEnum, { nullable: true, defaultValue: OnExhaustedEnum.CONTINUE })
  onExhausted?: string | null;
  @Field(() => Boolean, { nullable: true, defaultValue: false })
  disabled?: boolean | null;
}

@InputType()
export class EndpointPatch {
  @Field(() => String, { nullable: true })
  name?: string | null;
  @Field(() => String, { nullable: true, description: 'The masked form that a caller was shown: the URL stays.' })
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
  @Field(() => RateLimitInput, { nullable: true })
  rateLimit?: RateLimitInput | null;
  @Field(() => Int, { nullable: true })
  maxConcurrency?: number | null;
  @Field(() => Int, { nullable: true })
  disableAfterSeconds?: number | null;
  @Field(() => OrderingEnum, { nullable: true })
  ordering?: string | null;
  @Field(() => OnExhaustedEnum, { nullable: true })
  onExhausted?: string | null;
}
