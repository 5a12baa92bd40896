// The GraphQL types of replays: past messages sent to an endpoint again, or for the first time.
import { Field, Float, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { MessageId, ReplayId } from '../../../domain/ids.ts';
import { replayScopes, type ReplayFilter as Filter, type ReplayScope as Scope } from '../../../domain/replay.ts';
import type { ReplayView } from '../../../read-models/queries/replay-queries.ts';
import { connectionType } from '../connections.ts';
import { enumType } from '../enums.ts';
import { DateTime } from '../scalars.ts';

const statuses = ['RUNNING', 'FINISHED', 'CANCELLED'] as const satisfies readonly ReplayView['status'][];
const ReplayStatus = enumType('ReplayStatus', statuses);
const ReplayScope = enumType('ReplayScope', replayScopes, {
  description: 'What became of a message at the endpoint.',
  valuesMap: {
    FAILED: { description: 'Its delivery failed.' },
    SKIPPED: { description: 'It was skipped because the endpoint was disabled.' },
    NEVER_SENT: { description: 'It has no delivery.' },
  },
});

@InputType({ description: 'A message must meet every condition given.' })
export class ReplayFilter {
  @Field(() => String, { nullable: true })
  eventType?: string | null;
  @Field(() => ID, { nullable: true, description: 'Only this message; `eventType`, `since` and `until` become its own.' })
  messageId?: MessageId | null;
  @Field(() => DateTime, { nullable: true, description: 'Accepted then or later.' })
  since?: string | null;
  @Field(() => DateTime, { nullable: true, description: 'Accepted before then.' })
  until?: string | null;
  @Field(() => [ReplayScope], { nullable: true, description: 'Only messages with one of these outcomes at the endpoint.' })
  only?: Scope[] | null;
  @Field(() => Boolean, {
    nullable: true,
    defaultValue: true,
    description: 'Only messages that match the subscription and filter of the endpoint, as configured when their turn comes.',
  })
  matching?: boolean | null;
}

@ObjectType({ description: 'Which messages a replay sends.' })
class ReplaySelection {
  @Field(() => String, { nullable: true })
  readonly eventType!: string | null;
  @Field(() => ID, { nullable: true })
  readonly messageId!: MessageId | null;
  @Field(() => DateTime, { nullable: true })
  readonly since!: string | null;
  @Field(() => DateTime, { nullable: true })
  readonly until!: string | null;
  @Field(() => [ReplayScope], { nullable: true })
  readonly only!: readonly Scope[] | null;
  @Field(() => Boolean)
  readonly matching!: boolean;
}

@ObjectType({
  description: 'Past messages sent to an endpoint, again or for the first time, at a limited rate. Receivers see the same webhook-id.',
})
export class Replay {
  @Field(() => ID)
  readonly id!: ReplayId;
  @Field(() => ReplayStatus)
  readonly status!: ReplayView['status'];
  @Field(() => ReplaySelection)
  readonly filter!: ReplaySelection;
  @Field(() => Float)
  readonly ratePerSecond!: number;
  @Field(() => String, { description: '"apikey:<name>"' })
  readonly requestedBy!: string;
  @Field(() => DateTime)
  readonly requestedAt!: string;
  @Field(() => DateTime, { nullable: true, description: 'Its progress: when the last message it examined was accepted.' })
  readonly cameTo!: string | null;
  @Field(() => Int, { description: 'How many messages it has examined.' })
  readonly looked!: number;
  @Field(() => Int, { description: 'How many of them it has sent.' })
  readonly sent!: number;
  @Field(() => DateTime, { nullable: true })
  readonly endedAt!: string | null;
  @Field(() => String, { nullable: true, description: 'Why it was cancelled.' })
  readonly reason!: string | null;
  /** For the fields that a resolver computes. */
  readonly view!: ReplayView;
}
export const ReplayConnection = connectionType('Replay', () => Replay);

const toSelection = ({ eventType, messageId, since, until, only, matching }: Filter): ReplaySelection => ({
  eventType: eventType ?? null,
  messageId: messageId ?? null,
  since: since ?? null,
  until: until ?? null,
  only: only ?? null,
  matching,
});

export const toReplay = (view: ReplayView): Replay => ({ ...view, filter: toSelection(view.filter), view });
