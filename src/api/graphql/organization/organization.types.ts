// The GraphQL types of the organization, its event types and its API keys.
import { Field, ID, InputType, ObjectType } from '@nestjs/graphql';
import { apiKeyRoles, type ApiKeyRole as Role } from '../../../domain/api-key.ts';
import type { Json } from '../../../domain/json.ts';
import { enumType } from '../enums.ts';
import { JsonScalar } from '../scalars.ts';

export const ApiKeyRole = enumType('ApiKeyRole', apiKeyRoles);

@ObjectType()
export class Organization {
  @Field(() => ID)
  readonly id!: string;
  @Field(() => String)
  readonly name!: string;
}

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
}

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
}
