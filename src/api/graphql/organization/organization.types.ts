// The GraphQL types of the organization, its event types and its API keys.
import { Field, ID, InputType, ObjectType } from '@nestjs/graphql';
import { apiKeyRoles, type ApiKeyRole as Role } from '../../../domain/api-key.ts';
import type { ApiKeyId, OrganizationId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { audiences, type Audience as AudienceOf } from '../../../domain/organization-events.ts';
import { connectionType } from '../connections.ts';
import { enumType } from '../enums.ts';
import { DateTime, JsonScalar } from '../scalars.ts';

export const ApiKeyRole = enumType('ApiKeyRole', apiKeyRoles, {
  description:
    'OPERATOR: all about endpoints, deliveries, replays, sources and event types, and reads history; no keys, no secrets, no publishing.',
});

@ObjectType()
export class Organization {
  @Field(() => ID)
  readonly id!: OrganizationId;
  @Field(() => String)
  readonly name!: string;
}

const Audience = enumType('Audience', audiences);

@ObjectType()
export class EventType {
  @Field(() => String)
  readonly name!: string;
  @Field(() => String)
  readonly group!: string;
  @Field(() => String, { nullable: true })
  readonly description!: string | null;
  @Field(() => JsonScalar, { nullable: true })
  readonly sample!: Json;
  @Field(() => Boolean)
  readonly retired!: boolean;
  @Field(() => Boolean, { description: 'Defined once for every organization.' })
  readonly shared!: boolean;
  @Field(() => Audience, { description: 'INTERNAL: hidden from portal sessions.' })
  readonly audience!: AudienceOf;
}

@ObjectType()
export class ApiKey {
  @Field(() => ID)
  readonly id!: ApiKeyId;
  @Field(() => String)
  readonly name!: string;
  @Field(() => ApiKeyRole)
  readonly role!: Role;
  @Field(() => Boolean)
  readonly spansOrganizations!: boolean;
  @Field(() => DateTime)
  readonly createdAt!: string;
  @Field(() => String)
  readonly createdBy!: string;
  @Field(() => DateTime, { nullable: true, description: 'To the hour.' })
  readonly lastUsedAt!: string | null;
  @Field(() => DateTime, { nullable: true })
  readonly expiresAt!: string | null;
  @Field(() => DateTime, { nullable: true })
  readonly revokedAt!: string | null;
  @Field(() => Organization)
  readonly organization!: Organization;
}
export const ApiKeyConnection = connectionType('ApiKey', () => ApiKey);

@ObjectType()
export class IssuedApiKey {
  @Field(() => ID)
  readonly id!: string;
  @Field(() => String)
  readonly name!: string;
  @Field(() => ApiKeyRole)
  readonly role!: Role;
  @Field(() => String, { description: 'Shown this once.' })
  readonly key!: string;
  @Field(() => Boolean)
  readonly spansOrganizations!: boolean;
  @Field(() => DateTime, { nullable: true })
  readonly expiresAt!: string | null;
}

@InputType()
export class EventTypeInput {
  @Field(() => String)
  name!: string;
  @Field(() => String, { nullable: true })
  group?: string | null;
  @Field(() => String, { nullable: true })
  description?: string | null;
  @Field(() => JsonScalar, { nullable: true })
  sample?: Json;
  @Field(() => Boolean, { nullable: true, defaultValue: false })
  shared?: boolean | null;
  @Field(() => Audience, { nullable: true, defaultValue: 'PUBLIC' })
  audience?: AudienceOf | null;
}
