// The test of a draft over GraphQL: what an endpoint's receiver answers before the endpoint is saved.
import { Inject, Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Field, ID, Mutation, ObjectType, Resolver } from '@nestjs/graphql';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { RecordDraftTest } from '../../../commands/draft-test-commands.ts';
import { CreateEndpoint, defaultSample, internalTypesFor, notOfferedToTest } from '../../../commands/endpoint-commands.ts';
import { testDraft, type DraftTestOutcome, type Send } from '../../../delivery/draft-tests.ts';
import { LocalFailure } from '../../../delivery/local-failure.ts';
import { changedEndpoint, previewedEndpoint } from '../../../delivery/preview-endpoint.ts';
import { RequestMaker } from '../../../delivery/attempts/request-maker.ts';
import { endpointInput, endpointPatch, type SettingsOptions } from '../../../domain/endpoint-settings.ts';
import { badInput } from '../../../domain/errors.ts';
import { asDeliveryId, asMessageId, noPosition, type EndpointId } from '../../../domain/ids.ts';
import { isJsonObject, type Json } from '../../../domain/json.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import type { ResolvedEndpoint } from '../../../read-models/directory/resolved-endpoint.ts';
import type { DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import { AllowOperators, AllowPortal } from '../../auth/access.ts';
import { consume, secondsUntil } from '../../http/rate-limit.ts';
import { prefixIssuePaths, validate } from '../../input-validation.ts';
import { Refusal } from '../../refusal.ts';
import { SEND, SETTINGS_OPTIONS } from '../../tokens.ts';
import type { ApiContext } from '../context.ts';
import { Attempt, toAttempt } from '../deliveries/attempt.types.ts';
import { eventTypeName } from '../organization/event-type-input.ts';
import { JsonScalar } from '../scalars.ts';
import { EndpointInput, EndpointPatch } from './endpoint.inputs.ts';
import { draftId, toDraftEndpoint } from './endpoint.types.ts';
import { parseTestData } from './test-data.ts';

@ObjectType({ description: '`attempt.configuration` answers the draft under the id `draft`.' })
class TestResult {
  @Field(() => String)
  readonly requestUrl!: string;
  @Field(() => JsonScalar)
  readonly requestHeaders!: Json;
  @Field(() => String)
  readonly requestBody!: string;
  @Field(() => Attempt)
  readonly attempt!: Attempt;
}

/** For each organization and replica. */
const testsPerMinute = 30;
const minute = 60;

@Injectable()
@Resolver()
export class DraftTestResolver {
  private readonly input: ReturnType<typeof endpointInput>;
  private readonly patch: ReturnType<typeof endpointPatch>;
  private readonly limiter = new RateLimiterMemory({ points: testsPerMinute, duration: minute });

  constructor(
    private readonly commands: CommandBus,
    private readonly directory: EndpointDirectory,
    private readonly requests: RequestMaker,
    @Inject(SEND) private readonly send: Send,
    @Inject(SETTINGS_OPTIONS) options: SettingsOptions,
  ) {
    this.input = endpointInput(options);
    this.patch = endpointPatch(options);
  }

  @Mutation(() => TestResult, {
    description:
      'The same for an endpoint that is not saved yet, or with changes that are not: `input`, or `id` and `patch`. Nothing of it is kept but that it was done. Rate-limited.',
  })
  @AllowOperators()
  // It sends the endpoint's own headers to where the draft says.
  @AllowPortal(['SEND_TESTS', 'MANAGE_ENDPOINTS'], { argument: 'id', is: 'endpoint' })
  async testDraft(
    @Args('input', { type: () => EndpointInput, nullable: true }) input: EndpointInput | null | undefined,
    @Args('id', { type: () => ID, nullable: true }) id: EndpointId | null | undefined,
    @Args('patch', { type: () => EndpointPatch, nullable: true }) patch: EndpointPatch | null | undefined,
    @Args('eventType', { type: () => String, nullable: true }) eventType: string | null | undefined,
    @Args('data', { type: () => JsonScalar, nullable: true }) given: Json | undefined,
    @Context() context: ApiContext,
  ): Promise<TestResult> {
    const { caller } = context;
    const type = validate(eventTypeName.nullish(), eventType, 'eventType') ?? 'endpoint.test';
    if (context.hiddenTypes.has(type)) throw notOfferedToTest(type);
    const data = (await parseTestData(given)) ?? this.sampleOf(caller.organizationId, type);
    const draft = await this.draftOf(input, id, patch, context);
    await this.count(caller.organizationId);
    const outcome = await this.sendDraft(draft, { type, data });
    const { record, failure, url, body } = outcome;
    await this.commands.execute(
      new RecordDraftTest(caller, {
        ...(id && { endpointId: id }),
        eventType: type,
        url: record.url,
        ...(record.responseCode !== undefined && { responseCode: record.responseCode }),
        ...(failure !== null && { failure }),
      }),
    );
    const attempt = toDraftAttempt(draft, outcome, context);
    return { requestUrl: caller.sight.secrets ? url : record.url, requestHeaders: record.requestHeaders, requestBody: body, attempt };
  }

  private draftOf(
    input: EndpointInput | null | undefined,
    id: EndpointId | null | undefined,
    patch: EndpointPatch | null | undefined,
    { caller }: ApiContext,
  ): Promise<ResolvedEndpoint> {
    const organization = this.directory.requireOrganization(caller.organizationId);
    if (input && !id && !patch) {
      const { settings, secret, disabled } = validate(this.input, input, 'input');
      const create = new CreateEndpoint(caller, settings, secret ?? undefined, disabled);
      return prefixIssuePaths(
        'input',
        Promise.resolve().then(() => previewedEndpoint(create, organization, this.directory)),
      );
    }
    if (!id || input) throw badInput('input', 'Give either `input`, for a new endpoint, or `id` and `patch`, for one that exists.');
    const known = this.directory.requireEndpoint(caller.organizationId, id);
    const changes = validate(this.patch, patch ?? {}, 'patch');
    return prefixIssuePaths(
      'patch',
      Promise.resolve().then(() => changedEndpoint(known, changes, organization, internalTypesFor(caller, this.directory))),
    );
  }

  private sampleOf(organizationId: ApiContext['caller']['organizationId'], type: string) {
    const sample = this.directory.eventType(organizationId, type)?.sample;
    return isJsonObject(sample) ? sample : defaultSample;
  }

  /** @throws Refusal TOO_MANY_REQUESTS */
  private async count(organizationId: string): Promise<void> {
    const state = await consume(this.limiter, organizationId);
    if (state.consumedPoints <= testsPerMinute) return;
    const retryAfterSeconds = secondsUntil(state, minute);
    throw new Refusal(
      'TOO_MANY_REQUESTS',
      `An organization may send ${testsPerMinute} tests of drafts per minute; the next one can go in ${retryAfterSeconds} s.`,
      { headers: { 'retry-after': String(retryAfterSeconds) } },
    );
  }

  private async sendDraft(draft: ResolvedEndpoint, message: Parameters<typeof testDraft>[1]): Promise<DraftTestOutcome> {
    try {
      return await testDraft(draft, message, this.requests, this.send);
    } catch (error) {
      if (error instanceof LocalFailure) throw new Refusal('UNAVAILABLE', `The test could not be sent from here: ${error.message}`);
      throw error;
    }
  }
}

const toDraftAttempt = (draft: ResolvedEndpoint, { record, failure, error, url, body }: DraftTestOutcome, context: ApiContext): Attempt => {
  const at = record.startedAt;
  const { id, configuration, revision } = draft;
  const endpoint = toDraftEndpoint({ id, configuration, revision, createdAt: at, updatedAt: at }, context);
  const delivery: DeliveryView = {
    id: asDeliveryId('draft'),
    organizationId: configuration.organizationId,
    messageId: asMessageId('draft'),
    endpointId: draftId,
    eventType: '',
    batch: null,
    replayId: null,
    status: failure === null ? 'SUCCEEDED' : 'FAILED',
    waitsFor: null,
    test: true,
    attemptCount: 1,
    nextAttemptAt: null,
    lastResponseCode: record.responseCode ?? null,
    lastFailure: failure,
    createdAt: at,
    endedAt: at,
  };
  return toAttempt({ ...record, position: noPosition, failure, error }, delivery, { endpoint, url, body });
};
