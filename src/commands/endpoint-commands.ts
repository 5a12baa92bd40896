// The commands on endpoints: create, change, pause, resume, disable, enable, delete, rotate the secret, test.
import { Injectable } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type EndpointCommand, type EndpointSettings } from '../domain/endpoint.ts';
import { notFound } from '../domain/errors.ts';
import { mapSecretOptions } from '../domain/format-options.ts';
import type { DeliveryId, EndpointId, OrganizationId, Position } from '../domain/ids.ts';
import type { JsonObject } from '../domain/json.ts';
import { message, type AcceptMessage } from '../domain/message.ts';
import { deliveryIdOf, newId, newMessageId } from '../event-store/id-generation.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import type { OrganizationKeys, ResolvedEndpoint } from '../read-models/directory/resolved-endpoint.ts';
import type { Keyring } from '../secrets/vault.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';
import { endpointWith, newSecretFor } from './signing-secrets.ts';
import { endpointStream, messageStream } from '../domain/streams.ts';

/** A setting as it comes in: headers and the secrets among the format's options are readable still. The rules for them are those of `domain/endpoint-settings.ts`. */
export type PlainSettings = EndpointSettings;

/** `secret` left out and needed: one is made. */
export class CreateEndpoint extends Command<CommandResult & { readonly endpointId: EndpointId }> {
  constructor(
    readonly caller: Caller,
    readonly settings: PlainSettings,
    readonly secret: string | undefined,
    readonly disabled: boolean,
  ) {
    super();
  }
}

export class UpdateEndpoint extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly endpointId: EndpointId,
    readonly settings: Partial<PlainSettings>,
  ) {
    super();
  }
}

/** Pause, Resume, Enable, Disable or Delete. */
export class SetEndpointStatus extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly endpointId: EndpointId,
    readonly change: Extract<EndpointCommand, { type: 'Pause' | 'Resume' | 'Enable' | 'Disable' | 'Delete' }>,
  ) {
    super();
  }
}

export class RotateEndpointSecret extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly endpointId: EndpointId,
    readonly secret: string | undefined,
    readonly graceSeconds: number,
  ) {
    super();
  }
}

/** Sends the sample payload of an event type to one endpoint, whatever its status and subscription; one attempt. */
export class TestEndpoint extends Command<CommandResult & { readonly deliveryId: DeliveryId }> {
  constructor(
    readonly caller: Caller,
    readonly endpointId: EndpointId,
    readonly eventType: string | undefined,
  ) {
    super();
  }
}

/** With nothing secret readable. */
export const seal = <S extends Partial<PlainSettings>>(settings: S, keyring: Keyring): S => {
  const { headers, formatOptions } = settings;
  return {
    ...settings,
    ...(headers && { headers: headers.map(({ name, value }) => ({ name, value: keyring.seal(value) })) }),
    ...(formatOptions && { formatOptions: mapSecretOptions(formatOptions, keyring.seal) }),
  };
};

/** What every command on an endpoint does: find it in the caller's organization, decide, append. */
@Injectable()
class EndpointCommands {
  constructor(
    protected readonly executor: CommandExecutor,
    protected readonly directory: EndpointDirectory,
  ) {}

  protected keys(id: OrganizationId): OrganizationKeys {
    const organization = this.directory.organization(id);
    if (!organization) throw notFound('There is no such organization.');
    return organization;
  }

  protected known({ organizationId }: Caller, id: EndpointId): ResolvedEndpoint {
    const known = this.directory.endpoint(id);
    if (known?.configuration.organizationId === organizationId) return known;
    throw notFound(`There is no endpoint "${id}"; \`endpoints\` lists those that are.`);
  }

  protected async decide(caller: Caller, id: EndpointId, command: EndpointCommand): Promise<CommandResult> {
    const decider = endpointWith(this.keys(caller.organizationId));
    const { position } = await this.executor.execute({ stream: endpointStream(id), decider, command }, newCause(caller));
    return { position };
  }
}

/** What registers an endpoint: with a secret where its signature needs one and none was given, and with nothing secret readable. */
export const registration = (
  { caller: { organizationId }, settings, secret, disabled }: CreateEndpoint,
  keyring: Keyring,
): EndpointCommand & { type: 'Register' } => {
  const signs = settings.signature !== 'NONE' && !settings.useOrganizationKey;
  const chosen = secret ?? (signs ? newSecretFor(settings.signature) : undefined);
  return {
    type: 'Register',
    organizationId,
    settings: seal(settings, keyring),
    secret: chosen === undefined ? null : keyring.seal(chosen),
    disabled,
  };
};

@CommandHandler(CreateEndpoint)
export class CreateEndpointHandler extends EndpointCommands implements ICommandHandler<CreateEndpoint> {
  async execute(create: CreateEndpoint) {
    const { caller } = create;
    const endpointId = newId() as EndpointId;
    return { endpointId, ...(await this.decide(caller, endpointId, registration(create, this.keys(caller.organizationId).keyring))) };
  }
}

@CommandHandler(UpdateEndpoint)
export class UpdateEndpointHandler extends EndpointCommands implements ICommandHandler<UpdateEndpoint> {
  async execute({ caller, endpointId, settings }: UpdateEndpoint) {
    this.known(caller, endpointId);
    return this.decide(caller, endpointId, { type: 'Change', settings: seal(settings, this.keys(caller.organizationId).keyring) });
  }
}

@CommandHandler(SetEndpointStatus)
export class SetEndpointStatusHandler extends EndpointCommands implements ICommandHandler<SetEndpointStatus> {
  async execute({ caller, endpointId, change }: SetEndpointStatus) {
    this.known(caller, endpointId);
    return this.decide(caller, endpointId, change);
  }
}

@CommandHandler(RotateEndpointSecret)
export class RotateEndpointSecretHandler extends EndpointCommands implements ICommandHandler<RotateEndpointSecret> {
  async execute({ caller, endpointId, secret, graceSeconds }: RotateEndpointSecret) {
    const { signature } = this.known(caller, endpointId).configuration.settings;
    const previousUntil = new Date(Date.now() + graceSeconds * 1000).toISOString();
    const sealed = this.keys(caller.organizationId).keyring.seal(secret ?? newSecretFor(signature));
    return this.decide(caller, endpointId, { type: 'RotateSecret', secret: sealed, previousUntil });
  }
}

const defaultSample: JsonObject = { message: 'This is a test delivery.' };

@CommandHandler(TestEndpoint)
export class TestEndpointHandler extends EndpointCommands implements ICommandHandler<TestEndpoint> {
  async execute({ caller, endpointId, eventType }: TestEndpoint) {
    const known = this.known(caller, endpointId);
    const messageType = eventType ?? this.firstTypeOf(known);
    const sample = this.directory.eventType(caller.organizationId, messageType)?.sample;
    const messageId = newMessageId();
    const command: AcceptMessage = {
      type: 'AcceptMessage',
      organizationId: caller.organizationId,
      messageType,
      data: typeof sample === 'object' && sample !== null && !Array.isArray(sample) ? sample : defaultSample,
      now: new Date(),
      destinations: [{ endpointId }],
      skipped: [],
      routedAt: this.directory.progress.position ?? ('' as Position),
      test: true,
    };
    const { position } = await this.executor.execute({ stream: messageStream(messageId), decider: message, command }, newCause(caller));
    return { position, deliveryId: deliveryIdOf(messageId, endpointId) };
  }

  /** A type that the endpoint subscribes to by name, else one that is defined and matches, else a type of our own. */
  private firstTypeOf(known: ResolvedEndpoint): string {
    const named = known.configuration.settings.eventTypes.find((name) => /^[\w-]+(\.[\w-]+)+$/.test(name));
    const defined = this.directory.eventTypes(known.configuration.organizationId);
    return (
      named ?? defined.find(({ name, group, retired }) => !retired && known.matcher.subscribesTo(name, group))?.name ?? 'endpoint.test'
    );
  }
}
