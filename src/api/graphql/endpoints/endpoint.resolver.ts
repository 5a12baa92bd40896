// Endpoints over GraphQL: queries, every change of an endpoint, testing it, and the fields that need other parts.
import { Inject, Optional } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import type { CommandResult } from '../../../commands/caller.ts';
import { RecordDisclosure } from '../../../commands/disclosure-commands.ts';
import { RevisionChanged } from '../../../commands/command-executor.ts';
import {
  CreateEndpoint,
  RotateEndpointSecret,
  SetEndpointStatus,
  TestEndpoint,
  UpdateEndpoint,
} from '../../../commands/endpoint-commands.ts';
import { endpointInput, endpointPatch, endpointSecret, type SettingsOptions } from '../../../domain/endpoint-settings.ts';
import { badInput, notFound } from '../../../domain/errors.ts';
import { mask } from '../../../domain/header-masking.ts';
import type { EndpointId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { compileSubscription } from '../../../domain/subscription.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import { EndpointQueries } from '../../../read-models/queries/endpoint-queries.ts';
import type { Window as RateWindow } from '../../../read-models/queries/success-rate.ts';
import { AllowOperators, AllowPortal, AllowReaders } from '../../auth/access.ts';
import { prefixIssuePaths, validate } from '../../input-validation.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { READ_ONLY, SETTINGS_OPTIONS } from '../../tokens.ts';
import type { ApiContext } from '../context.ts';
import { Delivery, toDelivery } from '../deliveries/delivery.types.ts';
import { StreamQueries, type EndpointSnapshot } from '../history/stream-queries.ts';
import { eventTypeName } from '../organization/event-type-input.ts';
import { DateTime, JsonScalar, PositionScalar, toDate } from '../scalars.ts';
import { parseTestData } from './test-data.ts';
import { editConflict } from './edit-conflict.ts';
import { EndpointInput, EndpointPatch } from './endpoint.inputs.ts';
import { Endpoint, SuccessRate, toEndpoint, toEndpointWithNewSecret, toPastEndpoint, Window } from './endpoint.types.ts';

const disableReason = z.string().max(1024, 'A reason may have at most 1024 characters.').nullish();
const defaultGraceSeconds = 86_400;
const graceSeconds = z.int().min(0, 'must be 0 or more').max(2_592_000, 'must be at most 2592000 (30 days)');

@Resolver(() => Endpoint)
export class EndpointResolver {
  private readonly input: ReturnType<typeof endpointInput>;
  private readonly patch: ReturnType<typeof endpointPatch>;

  constructor(
    private readonly commands: CommandBus,
    private readonly queries: EndpointQueries,
    private readonly deliveryQueries: DeliveryQueries,
    private readonly streams: StreamQueries,
    private readonly directory: EndpointDirectory,
    private readonly writes: ReadYourWrites,
    @Inject(SETTINGS_OPTIONS) options: SettingsOptions,
    @Optional() @Inject(READ_ONLY) private readonly readOnly?: string,
  ) {
    this.input = endpointInput(options);
    this.patch = endpointPatch(options);
  }

  // ── Queries ──

  @Query(() => Endpoint, {
    nullable: true,
    description: '`asOf` answers from history: the endpoint as it was configured at that moment, secrets masked.',
  })
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  async endpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('asOf', { type: () => DateTime, nullable: true }) asOf: string | null | undefined,
    @Args('asOfPosition', { type: () => PositionScalar, nullable: true }) asOfPosition: string | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Endpoint | null> {
    const { organizationId } = context.caller;
    const time = toDate(asOf);
    const position = asOfPosition ?? undefined;
    if (time && position !== undefined) throw badInput('asOfPosition', 'Give `asOf` or `asOfPosition`, not both.');
    if (!time && position === undefined) {
      const view = await this.queries.find(organizationId, id);
      return view ? toEndpoint(view, context) : null;
    }
    const snapshot = await this.streams.endpoint(id, { time, position });
    return snapshot?.configuration.organizationId === organizationId ? toPastEndpoint(snapshot, context) : null;
  }

  // ── Mutations ──

  @Mutation(() => Endpoint)
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', 'REFUSED')
  async createEndpoint(@Args('input') input: EndpointInput, @Context() context: ApiContext): Promise<Endpoint> {
    const { settings, secret, disabled } = validate(this.input, input, 'input');
    const command = new CreateEndpoint(context.caller, settings, secret ?? undefined, disabled);
    const result = await prefixIssuePaths('input', this.commands.execute(command));
    return this.answer(result, result.endpointId, context, toEndpointWithNewSecret);
  }

  @Mutation(() => Endpoint, {
    description:
      'Only the fields that are given change. With another `expectedRevision` than it has: CONFLICT, saying who changed what since.',
  })
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', { argument: 'id', is: 'endpoint' })
  async updateEndpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('input') input: EndpointPatch,
    @Args('expectedRevision', { type: () => Int, nullable: true }) expectedRevision: number | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Endpoint> {
    const settings = validate(this.patch, input, 'input');
    const command = new UpdateEndpoint(context.caller, id, settings, expectedRevision ?? undefined);
    const result = await prefixIssuePaths('input', this.commands.execute(command)).catch(async (error: unknown) => {
      throw error instanceof RevisionChanged ? editConflict(await this.streams.endpointEvents(id), error.required, context.caller) : error;
    });
    return this.answer(result, id, context);
  }

  @Mutation(() => Endpoint, { description: 'Deliveries are held while paused and drain on resume.' })
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', { argument: 'id', is: 'endpoint' })
  pauseEndpoint(@Args('id', { type: () => ID }) id: EndpointId, @Context() context: ApiContext): Promise<Endpoint> {
    return this.setStatus(id, { type: 'Pause' }, context);
  }

  @Mutation(() => Endpoint)
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', { argument: 'id', is: 'endpoint' })
  resumeEndpoint(@Args('id', { type: () => ID }) id: EndpointId, @Context() context: ApiContext): Promise<Endpoint> {
    return this.setStatus(id, { type: 'Resume' }, context);
  }

  @Mutation(() => Endpoint, { description: 'Matching messages are recorded as skipped while disabled; waiting deliveries are held.' })
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', { argument: 'id', is: 'endpoint' })
  disableEndpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('reason', { type: () => String, nullable: true }) reason: string | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Endpoint> {
    return this.setStatus(id, { type: 'Disable', reason: validate(disableReason, reason, 'reason') ?? null }, context);
  }

  @Mutation(() => Endpoint)
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', { argument: 'id', is: 'endpoint' })
  enableEndpoint(@Args('id', { type: () => ID }) id: EndpointId, @Context() context: ApiContext): Promise<Endpoint> {
    return this.setStatus(id, { type: 'Enable' }, context);
  }

  @Mutation(() => ID)
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', { argument: 'id', is: 'endpoint' })
  async deleteEndpoint(@Args('id', { type: () => ID }) id: EndpointId, @Context() { caller }: ApiContext): Promise<string> {
    await this.writes.waitForConfiguration(await this.commands.execute(new SetEndpointStatus(caller, id, { type: 'Delete' })));
    return id;
  }

  @Mutation(() => Endpoint, {
    description: 'The old secret goes on signing beside the new one for `graceSeconds`, where the signature scheme can carry both.',
  })
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', { argument: 'id', is: 'endpoint' })
  async rotateEndpointSecret(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('secret', { type: () => String, nullable: true }) secret: string | null | undefined,
    @Args('graceSeconds', { type: () => Int, nullable: true, defaultValue: defaultGraceSeconds }) grace: number | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Endpoint> {
    const newSecret = validate(endpointSecret.nullish(), secret, 'secret') ?? undefined;
    const seconds = validate(graceSeconds, grace ?? defaultGraceSeconds, 'graceSeconds');
    const result = await this.commands.execute(new RotateEndpointSecret(context.caller, id, newSecret, seconds));
    return this.answer(result, id, context, toEndpointWithNewSecret);
  }

  @Mutation(() => Delivery, {
    description: "Sends the sample payload of the event type, or `data`, through the endpoint's own format and signature; one attempt.",
  })
  @AllowOperators()
  @AllowPortal('SEND_TESTS', { argument: 'id', is: 'endpoint' })
  async testEndpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('eventType', { type: () => String, nullable: true }) eventType: string | null | undefined,
    @Args('data', { type: () => JsonScalar, nullable: true }) data: Json | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Delivery> {
    const type = validate(eventTypeName.nullish(), eventType, 'eventType') ?? undefined;
    const { deliveryId } = await this.writes.waitForViews(
      await this.commands.execute(new TestEndpoint(caller, id, type, await parseTestData(data))),
    );
    const view = await this.deliveryQueries.find(caller.organizationId, deliveryId);
    if (!view) throw new Error(`The test delivery ${deliveryId} is recorded, but the views do not show it yet.`);
    return toDelivery(view);
  }

  private async setStatus(id: EndpointId, change: SetEndpointStatus['change'], context: ApiContext): Promise<Endpoint> {
    return this.answer(await this.commands.execute(new SetEndpointStatus(context.caller, id, change)), id, context);
  }

  /** Answers once the views show the change, too: the caller's next query must show it. */
  private async answer(result: CommandResult, id: EndpointId, context: ApiContext, convert = toEndpoint): Promise<Endpoint> {
    await this.writes.waitForConfiguration(result);
    const snapshot = await this.changed(result, id);
    if (!snapshot) throw notFound('The endpoint was deleted meanwhile.');
    return convert(snapshot, context);
  }

  /** From the directory; from the log if the directory does not have the change yet. */
  private changed({ position }: CommandResult, id: EndpointId): EndpointSnapshot | undefined | Promise<EndpointSnapshot | undefined> {
    const reached = this.directory.progress.position;
    if (position !== undefined && (reached === undefined || reached < position)) return this.streams.endpoint(id);
    const found = this.directory.endpoint(id);
    return found?.times && { id, configuration: found.configuration, ...found.times, revision: found.revision };
  }

  // ── Fields ──

  @ResolveField(() => String, {
    nullable: true,
    description: "Shown to admins only; null where the organization's signing key or none signs.",
  })
  async secret(@Parent() { id, secretAccess: { kind, read } }: Endpoint, @Context() { caller }: ApiContext): Promise<string | null> {
    if (kind === 'NEW') return read();
    if (!caller.sight.secrets) return null;
    const secret = read();
    if (kind === 'PAST' || secret === null) return secret;
    if (this.readOnly !== undefined) return mask; // it could not be recorded
    await this.commands.execute(new RecordDisclosure(caller, id));
    return secret;
  }

  @ResolveField(() => [String], {
    description: 'The entries of eventTypes that name no defined type or group yet. They match as soon as a message has that type.',
  })
  undefinedEventTypes(@Parent() { eventTypes }: Endpoint, @Context() { caller, hiddenTypes }: ApiContext): string[] {
    const defined = this.directory.eventTypes(caller.organizationId).filter(({ name, retired }) => !retired && !hiddenTypes.has(name));
    return eventTypes.filter((entry) => !defined.some(({ name, group }) => compileSubscription([entry])(name, group)) && entry !== '*');
  }

  @ResolveField(() => String, {
    nullable: true,
    description: 'The key (whpk_…) with which a receiver verifies STANDARD_WEBHOOKS_ED25519; null for other schemes.',
  })
  publicKey(@Parent() endpoint: Endpoint): string | null {
    return endpoint.readPublicKey();
  }

  @ResolveField(() => SuccessRate)
  async successRate(
    @Parent() { id }: Endpoint,
    @Args('window', { type: () => Window, nullable: true, defaultValue: Window.ALL }) window: RateWindow | null,
    @Context() { loaders }: ApiContext,
  ): Promise<SuccessRate> {
    const rate = await loaders.successRate(window ?? 'ALL').load(id);
    return rate ?? { ratio: null, succeeded: 0, total: 0, label: '–' };
  }
}
