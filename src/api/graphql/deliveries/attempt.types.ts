// The GraphQL type of an attempt: one HTTP request of a delivery.
import { Field, Float, Int, ObjectType } from '@nestjs/graphql';
import { attemptHint } from '../../../domain/attempt-hint.ts';
import { failureReasons } from '../../../domain/attempts.ts';
import type { AttemptView, DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import type { Endpoint } from '../endpoints/endpoint.types.ts';
import { enumType } from '../enums.ts';
import { DateTime } from '../scalars.ts';

export const FailureReason = enumType('FailureReason', failureReasons);

const triggers = ['SCHEDULE', 'PERSON', 'BULK_RETRY', 'REPLAY', 'TEST', 'PROBE'] as const;
export type AttemptTrigger = (typeof triggers)[number];
export const AttemptTriggerEnum = enumType('AttemptTrigger', triggers);

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
  @Field(() => String, { nullable: true, description: 'null: no body could be made.' })
  readonly bodySha256!: string | null;
  @Field(() => Boolean, { nullable: true })
  readonly responseTruncated!: boolean;
  @Field(() => String, { nullable: true, description: 'What to do about the failure, in a sentence; null where it succeeded.' })
  readonly hint!: string | null;
  /** For the fields that a resolver computes. */
  readonly view!: AttemptView;
  readonly delivery!: DeliveryView;
  /** Set if it was made by settings that are not saved: nothing of it is in the log. */
  readonly draft?: DraftAttempt;
}

/** `url`: the whole one. `body`: with secrets masked. */
export type DraftAttempt = { readonly endpoint: Endpoint; readonly url: string; readonly body: string };

export const toAttempt = (view: AttemptView, delivery: DeliveryView, draft?: DraftAttempt): Attempt => ({
  number: view.attempt,
  startedAt: view.startedAt,
  durationMs: view.durationMs,
  responseCode: view.responseCode ?? null,
  failure: view.failure,
  bodySha256: view.bodySha256 ?? null,
  responseTruncated: isTruncated(view),
  hint: attemptHint(view.failure, view.responseCode),
  view,
  delivery,
  ...(draft && { draft }),
});

/** Older versions did not record it; what fills the space was probably cut. */
const isTruncated = ({ responseTruncated, responseBody = '' }: AttemptView): boolean =>
  responseTruncated ?? Buffer.byteLength(responseBody) >= recordedBytes;
const recordedBytes = 4096;
