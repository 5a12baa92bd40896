// What-if queries over GraphQL: which past messages an endpoint would have received, and what a change would gain and lose.
import { Inject } from '@nestjs/common';
import { Args, Context, Field, ID, Int, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import { CreateEndpoint } from '../../../commands/endpoint-commands.ts';
import { FormatError } from '../../../delivery/formats/format-error.ts';
import { RequestMaker } from '../../../delivery/attempts/request-maker.ts';
import { WhatIf, type Span, type WouldReceive } from '../../../delivery/what-if.ts';
import { endpointInput, endpointPatch, type SettingsOptions } from '../../../domain/endpoint-settings.ts';
import type { EndpointId } from '../../../domain/ids.ts';
import { maskSecretsInText } from '../../../domain/payload-masking.ts';
import type { ReadLog } from '../../../read-models/engine/budgeted-reads.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import { MessageQueries } from '../../../read-models/queries/message-queries.ts';
import { AllowOperators, AllowPortal } from '../../auth/access.ts';
import { prefixIssuePaths, validate } from '../../input-validation.ts';
import { EVENT_STORE, SETTINGS_OPTIONS } from '../../tokens.ts';
import type { ApiContext } from '../context.ts';
import { Message, toMessage } from '../messages/message.types.ts';
import { EndpointInput, EndpointPatch } from './endpoint.inputs.ts';
import { DateTime, toDate } from '../scalars.ts';

@ObjectType({ description: 'A past message, as an endpoint would receive it.' })
class WouldBeReceived {
  @Field(() => Message)
  readonly message!: Message;
  /** For the fields that a resolver computes. */
  readonly wouldReceive!: WouldReceive;
}

@ObjectType({ description: 'Which past messages an endpoint would receive. Nothing is sent.' })
class WhatIfNew {
  @Field(() => Int, { description: 'How many messages were examined, newest first; at most `limit`.' })
  readonly looked!: number;
  @Field(() => Boolean, { description: 'Whether these were all messages in that time.' })
  readonly complete!: boolean;
  @Field(() => [WouldBeReceived])
  readonly messages!: WouldBeReceived[];
}

@ObjectType({ description: 'Which past messages an endpoint would gain and lose with other settings. Nothing is sent.' })
class WhatIfChanged {
  @Field(() => Int, { description: 'How many messages were examined, newest first; at most `limit`.' })
  readonly looked!: number;
  @Field(() => Boolean, { description: 'Whether these were all messages in that time.' })
  readonly complete!: boolean;
  @Field(() => [WouldBeReceived])
  readonly gains!: WouldBeReceived[];
  @Field(() => [WouldBeReceived], { description: 'With the bodies that the current settings make.' })
  readonly losses!: WouldBeReceived[];
}

const defaultLimit = 100;
const maxLimit = 1_000;
const limitRule = `limit must be a whole number from 1 to ${maxLimit}: how many messages to examine, newest first.`;
const messageLimit = z.int({ error: limitRule }).min(1, limitRule).max(maxLimit, limitRule);

const toWouldBeReceived = (wouldReceive: WouldReceive): WouldBeReceived => ({ message: toMessage(wouldReceive.message), wouldReceive });

@Resolver(() => WouldBeReceived)
export class WhatIfResolver {
  private readonly whatIfs: WhatIf;
  private readonly input: ReturnType<typeof endpointInput>;
  private readonly patch: ReturnType<typeof endpointPatch>;

  constructor(
    @Inject(EVENT_STORE) log: ReadLog,
    directory: EndpointDirectory,
    messages: MessageQueries,
    requests: RequestMaker,
    @Inject(SETTINGS_OPTIONS) options: SettingsOptions,
  ) {
    this.whatIfs = new WhatIf(log, directory, messages, requests);
    this.input = endpointInput(options);
    this.patch = endpointPatch(options);
  }

  @Query(() => WhatIfNew, {
    description: 'Which past messages a new endpoint would have received, and their bodies. Nothing is sent.',
  })
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', 'REFUSED')
  async whatIf(
    @Args('endpoint') input: EndpointInput,
    @Args('since', { type: () => DateTime, nullable: true }) since: string | null | undefined,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Args('limit', { type: () => Int, nullable: true, defaultValue: defaultLimit }) limit: number | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<WhatIfNew> {
    const { settings, secret, disabled } = validate(this.input, input, 'endpoint');
    const create = new CreateEndpoint(caller, settings, secret ?? undefined, disabled);
    const { looked, complete, gains } = await prefixIssuePaths('endpoint', this.whatIfs.created(create, parseSpan(since, until, limit)));
    return { looked, complete, messages: gains.map(toWouldBeReceived) };
  }

  @Query(() => WhatIfChanged, {
    description: 'Which past messages an endpoint would have gained and lost with changed settings. Nothing is sent.',
  })
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', 'REFUSED')
  async whatIfEndpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('input') input: EndpointPatch,
    @Args('since', { type: () => DateTime, nullable: true }) since: string | null | undefined,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Args('limit', { type: () => Int, nullable: true, defaultValue: defaultLimit }) limit: number | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<WhatIfChanged> {
    const patch = validate(this.patch, input, 'input');
    const answer = await prefixIssuePaths('input', this.whatIfs.changed(caller, id, patch, parseSpan(since, until, limit)));
    return { ...answer, gains: answer.gains.map(toWouldBeReceived), losses: answer.losses.map(toWouldBeReceived) };
  }

  @ResolveField(() => String, { nullable: true, description: 'A routing key in it is masked. Null: no body can be made.' })
  async body(@Parent() { wouldReceive }: WouldBeReceived, @Context() { caller }: ApiContext): Promise<string | null> {
    const body = await wouldReceive.body();
    if (body instanceof FormatError) return null;
    return caller.sight.payloads === 'WHOLE' ? body : maskSecretsInText(body);
  }

  @ResolveField(() => String, { nullable: true, description: 'Why no body can be made, in one sentence.' })
  async error(@Parent() { wouldReceive }: WouldBeReceived): Promise<string | null> {
    const body = await wouldReceive.body();
    return body instanceof FormatError ? body.message : null;
  }
}

const parseSpan = (since: string | null | undefined, until: string | null | undefined, limit: number | null | undefined): Span => {
  const span = { since: toDate(since), until: toDate(until), limit: validate(messageLimit, limit ?? defaultLimit, 'limit') };
  checkSpan(span.since, span.until, 'until');
  return span;
};
