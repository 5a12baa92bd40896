// Endpoints over GraphQL: read, made, changed, held, tested.
import { Inject } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Int, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import type { CommandResult } from '../../../commands/caller.ts';
import {
  CreateEndpoint,
  RotateEndpointSecret,
  SetEndpointStatus,
  TestEndpoint,
  UpdateEndpoint,
} from '../../../commands/endpoint-commands.ts';
import { endpointInput, endpointPatch, endpointSecret, type SettingsOptions } from '../../../domain/endpoint-settings.ts';
import type { EndpointStatus as Status } from '../../../domain/endpoint.ts';
import { badInput, DomainError, notFound } from '../../../domain/errors.ts';
import type { EndpointId } from '../../../domain/ids.ts';
import { compileSubscription } from '../../../domain/subscription.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { EndpointQueries } from '../../../read-models/queries/endpoint-queries.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import type { Window as RateWindow } from '../../../read-models/queries/success-rate.ts';
import { Allow, AllowReaders } from '../../auth/access.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { validate } from '../../refusal.ts';
import { SETTINGS_OPTIONS } from '../../tokens.ts';
import { asConnection, PageArgs, pageRequest, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { Delivery, DeliveryConnection, DeliveryFilter, shownDelivery, viewFilter } from '../deliveries/delivery.types.ts';
import { Endpoint, EndpointConnection, EndpointInput, EndpointPatch, shownEndpoint, SuccessRate } from './endpoint.types.ts';
import { EndpointStatus, Window } from '../enums.ts';
import { History } from '../history/history.ts';
import { DateTime, moment, PositionScalar } from '../scalars.ts';

const eventTypeName = z
  .string()
  .max(128, 'A type may have at most 128 characters.')
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, {
    error: 'must be words of A-Z, a-z, 0-9, _ and -, separated by dots',
  });
const graceSeconds = z.int().min(0, 'must be 0 or more').max(2_592_000, 'must be at most 2592000 (30 days)');

@Resolver(() => Endpoint)
export class EndpointResolver {
  private readonly input: ReturnType<typeof endpointInput>;
  private readonly patch: ReturnType<typeof endpointPatch>;

  constructor(
    private readonly commands: CommandBus,
    private readonly endpointQueries: EndpointQueries,
    private readonly deliveryQueries: DeliveryQueries,
    private readonly history: History,
    private readonly directory: EndpointDirectory,
    private readonly writes: ReadYourWrites,
    @Inject(SETTINGS_OPTIONS) options: SettingsOptions,
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
  async endpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('asOf', { type: () => DateTime, nullable: true }) asOf: string | null | undefined,
    @Args('asOfPosition', { type: () => PositionScalar, nullable: true }) asOfPosition: string | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Endpoint | null> {
    const { organizationId } = context.caller;
    const [time, position] = [moment(asOf), asOfPosition ?? undefined];
    if (time && position !== undefined) throw badInput('asOfPosition', 'Give `asOf` or `asOfPosition`, not both.');
    if (!time && position === undefined) {
      const view = await this.endpointQueries.find(organizationId, id);
      return view ? shownEndpoint(view, context) : null;
    }
    const source = await this.history.endpoint(id, position === undefined ? time && { asOf: time } : { asOfPosition: position });
    return source?.configuration.organizationId === organizationId ? shownEndpoint(source, context, true) : null;
  }

  @Query(() => EndpointConnection)
  @AllowReaders()
  async endpoints(
    @Args() page: PageArgs,
    @Args('status', { type: () => EndpointStatus, nullable: true }) status: Status | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Connection<Endpoint>> {
    const found = await this.endpointQueries.page(context.caller.organizationId, pageRequest(page), status);
    return asConnection(found, (view) => shownEndpoint(view, context));
  }

  // ── Mutations ──

  @Mutation(() => Endpoint)
  @Allow('ADMIN')
  async createEndpoint(@Args('input') input: EndpointInput, @Context() context: ApiContext): Promise<Endpoint> {
    const { settings, secret, disabled } = validate(this.input, input, 'input');
    const command = new CreateEndpoint(context.caller, settings, secret ?? undefined, disabled);
    const done = await inInput(this.commands.execute(command));
    return this.after(done, done.endpointId, context);
  }

  @Mutation(() => Endpoint, { description: 'Only the fields that are given change.' })
  @Allow('ADMIN')
  async updateEndpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('input') input: EndpointPatch,
    @Context() context: ApiContext,
  ): Promise<Endpoint> {
    const settings = validate(this.patch, input, 'input');
    const done = await inInput(this.commands.execute(new UpdateEndpoint(context.caller, id, settings)));
    return this.after(done, id, context);
  }

  @Mutation(() => Endpoint, { description: 'Deliveries are held while paused and drain on resume.' })
  @Allow('ADMIN')
  pauseEndpoint(@Args('id', { type: () => ID }) id: EndpointId, @Context() context: ApiContext): Promise<Endpoint> {
    return this.setStatus(id, { type: 'Pause' }, context);
  }

  @Mutation(() => Endpoint)
  @Allow('ADMIN')
  resumeEndpoint(@Args('id', { type: () => ID }) id: EndpointId, @Context() context: ApiContext): Promise<Endpoint> {
    return this.setStatus(id, { type: 'Resume' }, context);
  }

  @Mutation(() => Endpoint, { description: 'Matching messages are recorded as skipped while disabled; waiting deliveries are held.' })
  @Allow('ADMIN')
  disableEndpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('reason', { type: () => String, nullable: true }) reason: string | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Endpoint> {
    const given = validate(z.string().max(1024, 'A reason may have at most 1024 characters.').nullish(), reason, 'reason');
    return this.setStatus(id, { type: 'Disable', reason: given ?? null }, context);
  }

  @Mutation(() => Endpoint)
  @Allow('ADMIN')
  enableEndpoint(@Args('id', { type: () => ID }) id: EndpointId, @Context() context: ApiContext): Promise<Endpoint> {
    return this.setStatus(id, { type: 'Enable' }, context);
  }

  @Mutation(() => ID)
  @Allow('ADMIN')
  async deleteEndpoint(@Args('id', { type: () => ID }) id: EndpointId, @Context() { caller }: ApiContext): Promise<string> {
    await this.writes.inForce(await this.commands.execute(new SetEndpointStatus(caller, id, { type: 'Delete' })));
    return id;
  }

  @Mutation(() => Endpoint, {
    description: 'The old secret goes on signing beside the new one for `graceSeconds`, where the signature scheme can carry both.',
  })
  @Allow('ADMIN')
  async rotateEndpointSecret(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('secret', { type: () => String, nullable: true }) secret: string | null | undefined,
    @Args('graceSeconds', { type: () => Int, nullable: true, defaultValue: 86_400 }) grace: number | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Endpoint> {
    const given = validate(endpointSecret.nullish(), secret, 'secret') ?? undefined;
    const seconds = validate(graceSeconds, grace ?? 86_400, 'graceSeconds');
    return this.after(await this.commands.execute(new RotateEndpointSecret(context.caller, id, given, seconds)), id, context);
  }

  @Mutation(() => Delivery, {
    description: "Sends the sample payload of the event type through the endpoint's own format and signature; one attempt.",
  })
  @Allow('ADMIN')
  async testEndpoint(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('eventType', { type: () => String, nullable: true }) eventType: string | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Delivery> {
    const type = validate(eventTypeName.nullish(), eventType, 'eventType') ?? undefined;
    const { deliveryId } = await this.writes.shown(await this.commands.execute(new TestEndpoint(caller, id, type)));
    const view = await this.deliveryQueries.find(caller.organizationId, deliveryId);
    if (!view) throw new Error(`The test delivery ${deliveryId} is recorded, but the views do not show it yet.`);
    return shownDelivery(view);
  }

  private async setStatus(id: EndpointId, change: SetEndpointStatus['change'], context: ApiContext): Promise<Endpoint> {
    return this.after(await this.commands.execute(new SetEndpointStatus(context.caller, id, change)), id, context);
  }

  /** Answers from the log, which says at once what was done; the views are waited for, so that the next question finds it, too. */
  private async after(done: CommandResult, id: EndpointId, context: ApiContext): Promise<Endpoint> {
    const [source] = await Promise.all([this.history.endpoint(id), this.writes.inForce(done)]);
    if (!source) throw notFound('The endpoint was deleted meanwhile.');
    return shownEndpoint(source, context);
  }

  // ── Fields ──

  @ResolveField(() => String, {
    nullable: true,
    description: "Shown to admins only; null where the organization's signing key or none signs.",
  })
  secret(@Parent() endpoint: Endpoint, @Context() { caller }: ApiContext): string | null {
    return caller.role === 'ADMIN' ? endpoint.readSecret() : null;
  }

  @ResolveField(() => [String], {
    description: 'Those of eventTypes that name no defined type or group yet: they match once a message has that type.',
  })
  undefinedEventTypes(@Parent() { eventTypes }: Endpoint, @Context() { caller }: ApiContext): string[] {
    const defined = this.directory.eventTypes(caller.organizationId).filter(({ retired }) => !retired);
    return eventTypes.filter((entry) => !defined.some(({ name, group }) => compileSubscription([entry])(name, group)) && entry !== '*');
  }

  @ResolveField(() => String, {
    nullable: true,
    description: 'whpk_…, by which a receiver verifies STANDARD_WEBHOOKS_ED25519; null where another scheme signs.',
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

  @ResolveField(() => DeliveryConnection)
  async deliveries(
    @Parent() { id }: Endpoint,
    @Args() page: PageArgs,
    @Args('filter', { type: () => DeliveryFilter, nullable: true }) filter: DeliveryFilter | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Connection<Delivery>> {
    const narrowed = { ...viewFilter(filter), endpointId: id };
    return asConnection(await this.deliveryQueries.page(caller.organizationId, pageRequest(page), narrowed), shownDelivery);
  }
}

/** What a decider finds wrong with the settings is wrong inside the argument that they came in. */
export const inInput = async <T>(result: Promise<T>, argument = 'input'): Promise<T> => {
  try {
    return await result;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const issues = error.issues.map(({ path, message }) => ({ path: path === '' ? argument : `${argument}.${path}`, message }));
    throw new DomainError(error.code, error.message, issues);
  }
};
