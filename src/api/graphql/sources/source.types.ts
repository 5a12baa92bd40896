// The GraphQL types of sources: what is shown, and what is given.
import { Field, Float, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { Position, SourceId } from '../../../domain/ids.ts';
import type { SourceStart as Start } from '../../../domain/source-settings.ts';
import type { SourceConfiguration } from '../../../domain/source.ts';
import type { SkippedEventView, SourceView } from '../../../read-models/queries/source-queries.ts';
import type { RunningSources } from '../../tokens.ts';
import { connectionOf } from '../connections.ts';
import { SourceStart, SourceStatus } from '../enums.ts';
import { DateTime, JsonScalar, PositionScalar } from '../scalars.ts';

@ObjectType()
export class SourceMapping {
  @Field(() => JsonScalar, { description: 'The types of messages by those of events; others keep their own.' })
  readonly type!: Readonly<Record<string, string>>;
  @Field(() => String, {
    nullable: true,
    description: 'A JSONata expression over {type, timestamp, id, stream, data}; null: the data as it is.',
  })
  readonly data!: string | null;
}

@ObjectType({
  description: "Streams of another service on the log's server: each of their events becomes one message, whose id is the event's.",
})
export class Source {
  @Field(() => ID)
  readonly id!: SourceId;
  @Field(() => String)
  readonly name!: string;
  @Field(() => SourceStatus)
  readonly status!: SourceConfiguration['status'];
  @Field(() => String, { nullable: true, description: 'What the names of its streams begin with; null where it has a category.' })
  readonly streamPrefix!: string | null;
  @Field(() => String, { nullable: true, description: 'What stands before the first hyphen of their names.' })
  readonly category!: string | null;
  @Field(() => [String], { description: 'empty: all' })
  readonly eventTypes!: readonly string[];
  @Field(() => SourceMapping)
  readonly mapping!: SourceMapping;
  @Field(() => PositionScalar, {
    nullable: true,
    description:
      "All that it has in the server's log up to here became messages, or was skipped; null before the first record, which is recorded every few seconds.",
  })
  readonly position!: Position | null;
  @Field(() => Float, {
    nullable: true,
    description: 'How old the oldest event is that was read and not yet handled; null where it is paused, or read by another replica.',
  })
  readonly lagSeconds!: number | null;
  @Field(() => String, { nullable: true, description: 'Why it does not go on, in a sentence; null where it does.' })
  readonly error!: string | null;
  @Field(() => Int, { description: 'messages, up to the position' })
  readonly published!: number;
  @Field(() => Int, { description: 'events that became none, up to the position; `skippedEvents` lists them' })
  readonly skipped!: number;
  @Field(() => DateTime)
  readonly createdAt!: string;
  @Field(() => DateTime)
  readonly updatedAt!: string;
}

export const shownSource = (view: SourceView, running: Pick<RunningSources, 'status'>): Source => {
  const { id, configuration, createdAt, updatedAt, reading } = view;
  const { name, streams, eventTypes, types, template } = configuration.settings;
  const now = running.status(id);
  return {
    id,
    name,
    status: configuration.status,
    streamPrefix: streams.by === 'PREFIX' ? streams.value : null,
    category: streams.by === 'CATEGORY' ? streams.value : null,
    eventTypes,
    mapping: { type: types, data: template },
    position: reading?.position ?? null,
    lagSeconds: now?.lagSeconds ?? null,
    error: now?.error ?? null,
    published: reading?.published ?? 0,
    skipped: reading?.skipped ?? 0,
    createdAt,
    updatedAt,
  };
};

@ObjectType({ description: 'An event of a source that became no message.' })
export class SkippedEvent {
  @Field(() => ID, { description: "the event's" })
  readonly id!: string;
  @Field(() => String)
  readonly stream!: string;
  @Field(() => Int)
  readonly revision!: number;
  @Field(() => PositionScalar, { description: "in the server's log" })
  readonly position!: Position;
  @Field(() => String)
  readonly type!: string;
  @Field(() => String, { description: 'one sentence a person understands' })
  readonly reason!: string;
  @Field(() => DateTime)
  readonly skippedAt!: string;
}
export const SkippedEventConnection = connectionOf('SkippedEvent', () => SkippedEvent);
export const shownSkipped = (view: SkippedEventView): SkippedEvent => view;

@InputType()
export class SourceMappingInput {
  @Field(() => JsonScalar, { nullable: true, description: 'such as {"OrderPlaced": "order.placed"}' })
  type?: Record<string, string> | null;
  @Field(() => String, { nullable: true, description: 'a JSONata expression over {type, timestamp, id, stream, data}' })
  data?: string | null;
}

@InputType()
export class SourceInput {
  @Field(() => String)
  name!: string;
  @Field(() => String, { nullable: true, description: 'this, or a category' })
  streamPrefix?: string | null;
  @Field(() => String, { nullable: true })
  category?: string | null;
  @Field(() => [String], { nullable: true, description: 'empty, or left out: all' })
  eventTypes?: string[] | null;
  @Field(() => SourceMappingInput, { nullable: true })
  mapping?: SourceMappingInput | null;
  @Field(() => SourceStart, { nullable: true, description: 'NOW unless said' })
  from?: Start | null;
}

@InputType()
export class SourcePatch {
  @Field(() => String, { nullable: true })
  name?: string | null;
  @Field(() => String, { nullable: true })
  streamPrefix?: string | null;
  @Field(() => String, { nullable: true })
  category?: string | null;
  @Field(() => [String], { nullable: true })
  eventTypes?: string[] | null;
  @Field(() => SourceMappingInput, { nullable: true, description: 'null: none' })
  mapping?: SourceMappingInput | null;
}
