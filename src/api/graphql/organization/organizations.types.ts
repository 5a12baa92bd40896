// The GraphQL types of many organizations: their lists, what they are limited to and use, and what is given to make and change one.
import { Field, Float, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { Json } from '../../../domain/json.ts';
import { connectionType } from '../connections.ts';
import { enumType } from '../enums.ts';
import { JsonScalar } from '../scalars.ts';
import { Organization } from './organization.types.ts';

const organizationStatuses = ['ACTIVE', 'SUSPENDED'] as const;
export const OrganizationStatus = enumType('OrganizationStatus', organizationStatuses);

const own = { nullable: true } as const;

@ObjectType({ description: "null: the installation's default." })
export class OrganizationLimits {
  @Field(() => Float, own)
  readonly messagesPerSecond!: number | null;
  @Field(() => Int, own)
  readonly endpoints!: number | null;
  @Field(() => Int, own)
  readonly waitingDeliveries!: number | null;
  @Field(() => Int, own)
  readonly payloadBytes!: number | null;
  @Field(() => Int, own)
  readonly portalSessionsPerHour!: number | null;
  @Field(() => Float, own)
  readonly payloadDays!: number | null;
  @Field(() => Float, own)
  readonly messageDays!: number | null;
}

@InputType()
export class OrganizationLimitsInput {
  @Field(() => Float, own)
  messagesPerSecond?: number | null;
  @Field(() => Int, own)
  endpoints?: number | null;
  @Field(() => Int, own)
  waitingDeliveries?: number | null;
  @Field(() => Int, own)
  payloadBytes?: number | null;
  @Field(() => Int, own)
  portalSessionsPerHour?: number | null;
  @Field(() => Float, own)
  payloadDays?: number | null;
  @Field(() => Float, own)
  messageDays?: number | null;
}

@ObjectType()
export class OrganizationUsage {
  @Field(() => Int)
  readonly messagesLastDay!: number;
  @Field(() => Int)
  readonly refusedLastDay!: number;
  @Field(() => Int)
  readonly waitingDeliveries!: number;
  @Field(() => Int)
  readonly endpoints!: number;
}

@InputType()
export class OrganizationInput {
  @Field(() => ID, own)
  id?: string | null;
  @Field(() => String)
  name!: string;
  @Field(() => JsonScalar, own)
  metadata?: Json;
  @Field(() => OrganizationLimitsInput, own)
  limits?: OrganizationLimitsInput | null;
}

@InputType()
export class OrganizationPatch {
  @Field(() => String, own)
  name?: string | null;
  @Field(() => JsonScalar, own)
  metadata?: Json;
  @Field(() => OrganizationLimitsInput, own)
  limits?: OrganizationLimitsInput | null;
}

@InputType({ description: '`search`: part of id or name, any case.' })
export class OrganizationFilter {
  @Field(() => String, own)
  search?: string | null;
  @Field(() => OrganizationStatus, own)
  status?: (typeof organizationStatuses)[number] | null;
}

export const OrganizationConnection = connectionType('Organization', () => Organization);
