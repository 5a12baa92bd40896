// The GraphQL types of bulk retries: all deliveries that match a filter, retried in the background.
import { Field, ID, Int, ObjectType } from '@nestjs/graphql';
import type { BulkRetryFilter } from '../../../domain/bulk-retry.ts';
import type { BulkRetryId } from '../../../domain/ids.ts';
import type { BulkRetryView } from '../../../read-models/queries/bulk-retry-queries.ts';
import { connectionType } from '../connections.ts';
import { enumType } from '../enums.ts';
import { DateTime, JsonScalar } from '../scalars.ts';

const statuses = ['RUNNING', 'DONE', 'CANCELLED'] as const satisfies readonly BulkRetryView['status'][];
const JobStatus = enumType('JobStatus', statuses);

@ObjectType({ description: 'Runs in the background, paced behind new work; `bulkRetry(id)` shows how far it is.' })
export class BulkRetry {
  @Field(() => ID)
  readonly id!: BulkRetryId;
  @Field(() => Int, { description: 'The deliveries that matched when it was requested.' })
  readonly matched!: number;
  @Field(() => Int, { description: 'How many of them it has retried.' })
  readonly retried!: number;
  @Field(() => JobStatus)
  readonly status!: BulkRetryView['status'];
  @Field(() => JsonScalar, { description: 'As `DeliveryFilter`, without what does not narrow it.' })
  readonly filter!: BulkRetryFilter;
  @Field(() => String, { description: 'Who requested it: "apikey:<name>".' })
  readonly actor!: string;
  @Field(() => DateTime)
  readonly requestedAt!: string;
  @Field(() => DateTime, { nullable: true })
  readonly endedAt!: string | null;
}
export const BulkRetryConnection = connectionType('BulkRetry', () => BulkRetry);

export const toBulkRetry = (view: BulkRetryView): BulkRetry => view;
