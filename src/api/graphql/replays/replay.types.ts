// The GraphQL types of replays: past messages sent again, or for the first time.
import { Field, Float, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { ReplayId } from '../../../domain/ids.ts';
import type { ReplayFilter as Filter, ReplayScope as Scope } from '../../../domain/replay.ts';
import type { ReplayView } from '../../../read-models/queries/replay-queries.ts';
import { connectionOf } from '../connections.ts';
import { ReplayScope, ReplayStatus } from '../enums.ts';
import { DateTime } from '../scalars.ts';

@InputType({ description: 'All that is given must hold of a message.' })
export class ReplayFilter {
  @Field(() => String, { nullable: true })
  eventType?: string | null;
  @Field(() => DateTime, { nullable: true, description: 'accepted then or later' })
  since?: string | null;
  @Field(() => DateTime, { nullable: true, description: 'accepted before then' })
  until?: string | null;
  @Field(() => [ReplayScope], { nullable: true, description: 'only those of which one of these holds' })
  only?: Scope[] | null;
  @Field(() => Boolean, {
    nullable: true,
    defaultValue: true,
    description: 'Only what the endpoint subscribes to, and its filter lets pass, as it is configured when its turn comes.',
  })
  matching?: boolean | null;
}

@ObjectType({ description: 'What a replay is about.' })
export class ReplaySelection {
  @Field(() => String, { nullable: true })
  readonly eventType!: string | null;
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
  description: 'Past messages sent to an endpoint, again or for the first time, at a bounded rate. Receivers see the same webhook-id.',
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
  @Field(() => DateTime, { nullable: true, description: 'How far it has come: when the message was accepted that it looked at last.' })
  readonly cameTo!: string | null;
  @Field(() => Int, { description: 'the messages that it has looked at' })
  readonly looked!: number;
  @Field(() => Int, { description: 'those of them that it has sent' })
  readonly sent!: number;
  @Field(() => DateTime, { nullable: true })
  readonly endedAt!: string | null;
  @Field(() => String, { nullable: true, description: 'why it was cancelled' })
  readonly reason!: string | null;
  /** What the fields that take work are made from. */
  readonly source!: ReplayView;
}
export const ReplayConnection = connectionOf('Replay', () => Replay);

const selection = ({ eventType, since, until, only, matching }: Filter): ReplaySelection => ({
  eventType: eventType ?? null,
  since: since ?? null,
  until: until ?? null,
  only: only ?? null,
  matching,
});

export const shownReplay = (source: ReplayView): Replay => ({ ...source, filter: selection(source.filter), source });
