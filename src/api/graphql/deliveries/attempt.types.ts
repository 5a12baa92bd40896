// The GraphQL type of an attempt: one HTTP request of a delivery.
import { Field, Float, Int, ObjectType } from '@nestjs/graphql';
import { failureReasons } from '../../../domain/attempts.ts';
import type { AttemptView, DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import { enumType } from '../enums.ts';
import { DateTime } from '../scalars.ts';

const FailureReason = enumType('FailureReason', failureReasons);

@ObjectType()
export class Attempt {
  @Field(() => Int)
  readonly number!: number;
  @Field(() => DateTime)
  readonly startedAt!: string;
  @Field(() => Float)
  readonly durationMs!: number;
  @Field(() => Int, { nullable: true })
  readonly responseCode!: number | null;
  @Field(() => FailureReason, { nullable: true })
  readonly failure!: AttemptView['failure'];
  /** For the fields that a resolver computes. */
  readonly view!: AttemptView;
  readonly delivery!: DeliveryView;
}

export const toAttempt = (view: AttemptView, delivery: DeliveryView): Attempt => ({
  number: view.attempt,
  startedAt: view.startedAt,
  durationMs: view.durationMs,
  responseCode: view.responseCode ?? null,
  failure: view.failure,
  view,
  delivery,
});
