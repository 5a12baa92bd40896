// The GraphQL types of sources and of the events they skipped, and the inputs of sources.
import { Field, Float, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { Position, SourceId } from '../../../domain/ids.ts';
import { sourceStarts, type SourceStart as Start } from '../../../domain/source-settings.ts';
import type { SourceConfiguration } from '../../../domain/source.ts';
import type { SourceView } from '../../../read-models/queries/source-queries.ts';
import type { RunningSources } from '../../tokens.ts';
import { connectionType } from '../connections.ts';
import { enumType } from '../enums.ts';
import { DateTime, JsonScalar, PositionScalar } from '../scalars.ts';

const statuses = ['ENABLED', 'PAUSED'] as const satisfies readonly SourceConfiguration['status'][];
const SourceStatus = enumType('SourceStatus', statuses);
const SourceStart = enumType('SourceStart', sourceStarts, {
  description: 'NOW: with the events written from now on. BEGINNING: with everything on the server.',
});

@ObjectType()
class SourceMapping {
  @Field(() => JsonScalar, { description: 'The message type for each event type; event types not listed keep their own name.' })
  readonly type!: Readonly<Record<string, string>>;
  @Field(() => String, {
    nullable: true,
    description: 'A JSONata expression over {type, timestamp, id, stream, data}; null: the data unchanged.',
  })
  readonly data!: string | null;
}

@ObjectType({ description: 'One of both.' })
class OrganizationFrom {
  @Field(() => String, { nullable: true, description: "A path in the event's data, such as `customer.id`." })
  readonly field!: string | null;
  @Field(() => Boolean, { description: "The stream's name, after the prefix, or after the category and its hyphen." })
  readonly stream!: boolean;
}

@ObjectType({
  description: "Streams of another service on the log's server. Each of their events becomes one message, which has the event's id.",
})
export class Source {
  @Field(() => ID)
  readonly id!: SourceId;
  @Field(() => String)
  readonly name!: string;
  @Field(() => SourceStatus)
  readonly status!: SourceConfiguration['status'];
  @Field(() => String, { nullable: true, description: 'How the names of its streams begin; null if it has a category.' })
  readonly streamPrefix!: string | null;
  @Field(() => String, { nullable: true, description: 'The part of their names before the first hyphen.' })
  readonly category!: string | null;
  @Field(() => [String], { description: 'Empty: all.' })
  readonly eventTypes!: readonly string[];
  @Field(() => SourceMapping)
  readonly mapping!: SourceMapping;
  @Field(() => OrganizationFrom, {
    nullable: true,
    description: "Where an event says which organization its message is for; null: all are for the source's own.",
  })
  readonly organizationFrom!: OrganizationFrom | null;
  @Field(() => Boolean, {
    description: 'Whether organizations that are named and do not exist are created; else their events are skipped and counted.',
  })
  readonly createOrganizations!: boolean;
  @Field(() => PositionScalar, {
    nullable: true,
    description:
      "Up to here in the server's log, each of its events has become a message or was skipped. Recorded every few seconds; null before the first time.",
  })
  readonly position!: Position | null;
  @Field(() => Float, {
    nullable: true,
    description: 'The age of the oldest event that was read but not handled yet; null if it is paused, or read by another replica.',
  })
  readonly lagSeconds!: number | null;
  @Field(() => String, { nullable: true, description: 'Why it is stuck, in one sentence; null if it is not.' })
  readonly error!: string | null;
  @Field(() => Int, { description: 'How many messages it published, up to the position.' })
  readonly published!: number;
  @Field(() => Int, { description: 'How many events became no message, up to the position; `skippedEvents` lists them.' })
  readonly skipped!: number;
  @Field(() => DateTime)
  readonly createdAt!: string;
  @Field(() => DateTime)
  readonly updatedAt!: string;
}

export const toSource = (view: SourceView, runningSources: Pick<RunningSources, 'status'>): Source => {
  const { id, configuration, createdAt, updatedAt, reading } = view;
  const { name, streams, eventTypes, types, template, organizationFrom, createOrganizations } = configuration.settings;
  const running = runningSources.status(id);
  return {
    id,
    name,
    status: configuration.status,
    streamPrefix: streams.by === 'PREFIX' ? streams.value : null,
    category: streams.by === 'CATEGORY' ? streams.value : null,
    eventTypes,
    mapping: { type: types, data: template },
    organizationFrom: organizationFrom && { field: organizationFrom.field, stream: organizationFrom.field === null },
    createOrganizations,
    position: reading?.position ?? null,
    lagSeconds: running?.lagSeconds ?? null,
    error: running?.error ?? null,
    published: reading?.published ?? 0,
    skipped: reading?.skipped ?? 0,
    createdAt,
    updatedAt,
  };
};

@ObjectType({ description: 'An event of a source that became no message.' })
export class SkippedEvent {
  @Field(() => ID, { description: "The event's id." })
  readonly id!: string;
  @Field(() => String)
  readonly stream!: string;
  @Field(() => Int)
  readonly revision!: number;
  @Field(() => PositionScalar, { description: "Its position in the server's log." })
  readonly position!: Position;
  @Field(() => String)
  readonly type!: string;
  @Field(() => String, { description: 'Why it was skipped, in one sentence.' })
  readonly reason!: string;
  @Field(() => DateTime)
  readonly skippedAt!: string;
}
export const SkippedEventConnection = connectionType('SkippedEvent', () => SkippedEvent);

@InputType()
class SourceMappingInput {
  @Field(() => JsonScalar, {
    nullable: true,
    description: 'The message type for each event type, such as {"OrderPlaced": "order.placed"}.',
  })
  type?: Record<string, string> | null;
  @Field(() => String, { nullable: true, description: 'A JSONata expression over {type, timestamp, id, stream, data}.' })
  data?: string | null;
}

@InputType({ description: 'Give one of both.' })
class OrganizationFromInput {
  @Field(() => String, { nullable: true, description: "A path in the event's data, such as `customer.id`." })
  field?: string | null;
  @Field(() => Boolean, { nullable: true, description: "true: the stream's name, after the prefix, or after the category and its hyphen." })
  stream?: boolean | null;
}

const organizationFromDescription = 'Needs a key that spans the installation.';
const createOrganizationsDescription = 'Needs the role ADMIN as well.';

@InputType()
export class SourceInput {
  @Field(() => String)
  name!: string;
  @Field(() => String, { nullable: true, description: 'Give this or `category`.' })
  streamPrefix?: string | null;
  @Field(() => String, { nullable: true })
  category?: string | null;
  @Field(() => [String], { nullable: true, description: 'Empty or left out: all.' })
  eventTypes?: string[] | null;
  @Field(() => SourceMappingInput, { nullable: true })
  mapping?: SourceMappingInput | null;
  @Field(() => OrganizationFromInput, { nullable: true, description: organizationFromDescription })
  organizationFrom?: OrganizationFromInput | null;
  @Field(() => Boolean, { nullable: true, defaultValue: false, description: createOrganizationsDescription })
  createOrganizations?: boolean | null;
  @Field(() => SourceStart, { nullable: true, description: 'Left out: NOW.' })
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
  @Field(() => SourceMappingInput, { nullable: true, description: 'Null removes it.' })
  mapping?: SourceMappingInput | null;
  @Field(() => OrganizationFromInput, { nullable: true, description: `Null removes it. ${organizationFromDescription}` })
  organizationFrom?: OrganizationFromInput | null;
  @Field(() => Boolean, { nullable: true, description: createOrganizationsDescription })
  createOrganizations?: boolean | null;
}
