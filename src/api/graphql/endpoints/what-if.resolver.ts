// What if, over GraphQL: which past messages an endpoint would receive, and what a change would gain and lose.
import { Inject } from '@nestjs/common';
import { Args, Context, Field, ID, Int, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import { CreateEndpoint } from '../../../commands/endpoint-commands.ts';
import { FormatError } from '../../../delivery/formats/format-error.ts';
import { RequestMaker } from '../../../delivery/attempts/request-maker.ts';
import { WhatIf, type Span, type WouldReceive } from '../../../delivery/what-if.ts';
import { endpointInput, endpointPatch, type SettingsOptions } from '../../../domain/endpoint-settings.ts';
import type { EndpointId } from '../../../domain/ids.ts';
import type { EventStore } from '../../../event-store/event-store.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import { MessageQueries } from '../../../read-models/queries/message-queries.ts';
import { Allow } from '../../auth/access.ts';
import { validate } from '../../refusal.ts';
import { EVENT_STORE, SETTINGS_OPTIONS } from '../../tokens.ts';
import type { ApiContext } from '../context.ts';
import { Message, shownMessage } from '../deliveries/delivery.types.ts';
import { inInput } from './endpoint.resolver.ts';
import { EndpointInput, EndpointPatch } from './endpoint.types.ts';
import { DateTime, moment } from '../scalars.ts';

@ObjectType({ description: 'A past message, as an endpoint would receive it.' })
export class WouldBeReceived {
  @Field(() => Message)
  readonly message!: Message;
  /** What the fields that take work are made from. */
  readonly source!: WouldReceive;
}

@ObjectType({ description: 'Which past messages an endpoint would receive. Nothing is sent.' })
export class WhatIfNew {
  @Field(() => Int, { description: 'the messages looked at, the newest first: no more than `limit`' })
  readonly looked!: number;
  @Field(() => Boolean, { description: 'Whether there are no others in that time.' })
  readonly complete!: boolean;
  @Field(() => [WouldBeReceived])
  readonly messages!: WouldBeReceived[];
}

@ObjectType({ description: 'Which past messages an endpoint would receive, and which no more, were it set otherwise. Nothing is sent.' })
export class WhatIfChanged {
  @Field(() => Int, { description: 'the messages looked at, the newest first: no more than `limit`' })
  readonly looked!: number;
  @Field(() => Boolean, { description: 'Whether there are no others in that time.' })
  readonly complete!: boolean;
  @Field(() => [WouldBeReceived])
  readonly gains!: WouldBeReceived[];
  @Field(() => [WouldBeReceived], { description: 'with the bodies of the settings as they are' })
  readonly losses!: WouldBeReceived[];
}

const usualLimit = 100;
const most = 1_000;
const bound = `limit is a whole number from 1 to ${most}: the messages to look at, the newest first.`;
const limitOf = z.int({ error: bound }).min(1, bound).max(most, bound);

const shown = (each: WouldReceive): WouldBeReceived => ({ message: shownMessage(each.message), source: each });

@Resolver(() => WouldBeReceived)
export class WhatIfResolver {
  private readonly whatIfs: WhatIf;
  private readonly input: ReturnType<typeof endpointInput>;
  private readonly patch: ReturnType<typeof endpointPatch>;

  constructor(
    @Inject(EVENT_STORE) store: EventStore,
    directory: EndpointDirectory,
    messages: MessageQueries,
    requests: RequestMaker,
    @Inject(SETTINGS_OPTIONS) options: SettingsOptions,
  ) {
    this.whatIfs = new WhatIf(store, directory, messages, requests);
    this.input = endpointInput(options);
    this.patch = endpointPatch(options);
  }

  @Query(() => WhatIfNew, {
    description: 'Which past messages an endpoint made so would have received, and their bodies. Nothing is sent.',
  })
  @Allow('ADMIN')
  async whatIf(
    @Args('endpoint') input: EndpointInput,
    @Args('since', { type: () => DateTime, nullable: true }) since: string | null | undefined,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Args('limit', { type: () => Int, nullable: true, defaultValue: usualLimit }) limit: number | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<WhatIfNew> {
    const { settings, secret, disabled } = validate(this.input, input, 'endpoint');
    const create = new CreateEndpoint(caller, settings, secret ?? undefined, disabled);
    const { looked, complete, gains } = await inInput(this.whatIfs.created(create, spanOf(since, until, limit)), 'endpoint');
    return { looked, complete, messages: gains.map(shown) };
  }

  @Query(() => WhatIfChanged, { description: 'What changed settings of an endpoint would have gained and lost. Nothing is sent.' })
  @Allow('ADMIN')
  async whatIfEndpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('input') input: EndpointPatch,
    @Args('since', { type: () => DateTime, nullable: true }) since: string | null | undefined,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Args('limit', { type: () => Int, nullable: true, defaultValue: usualLimit }) limit: number | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<WhatIfChanged> {
    const patch = validate(this.patch, input, 'input');
    const answer = await inInput(this.whatIfs.changed(caller.organizationId, id, patch, spanOf(since, until, limit)));
    return { ...answer, gains: answer.gains.map(shown), losses: answer.losses.map(shown) };
  }

  @ResolveField(() => String, { nullable: true, description: 'A routing key in it is masked. Null: no body can be made.' })
  async body(@Parent() { source }: WouldBeReceived): Promise<string | null> {
    const body = await source.body();
    return body instanceof FormatError ? null : body;
  }

  @ResolveField(() => String, { nullable: true, description: 'why no body can be made, in a sentence' })
  async error(@Parent() { source }: WouldBeReceived): Promise<string | null> {
    const body = await source.body();
    return body instanceof FormatError ? body.message : null;
  }
}

const spanOf = (since: string | null | undefined, until: string | null | undefined, limit: number | null | undefined): Span => {
  const span = { since: moment(since), until: moment(until), limit: validate(limitOf, limit ?? usualLimit, 'limit') };
  checkSpan(span.since, span.until, 'until');
  return span;
};
