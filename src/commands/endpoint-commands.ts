// The commands on endpoints: create, change, pause, resume, disable, enable, delete, rotate the secret, test.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { EndpointSettings } from '../domain/endpoint-events.ts';
import type { InternalTypes } from '../domain/endpoint-audience.ts';
import type { EndpointCommand, EndpointSettingsPatch } from '../domain/endpoint.ts';
import type { PlainSettings, PlainSettingsPatch } from '../domain/endpoint-settings.ts';
import { isMaskedUrl, sealUrl } from '../domain/endpoint-url.ts';
import { refuseMaskedConstants, sealConstants } from '../domain/secret-constants.ts';
import { mapSecretOptions, refuseMaskedTemplate } from '../domain/format-options.ts';
import { badInput } from '../domain/errors.ts';
import { endpointId, type DeliveryId, type EndpointId } from '../domain/ids.ts';
import { isJsonObject, type JsonObject } from '../domain/json.ts';
import { message, type AcceptMessage } from '../domain/message.ts';
import { deliveryIdOf, newId, newMessageId } from '../event-store/id-generation.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import type { OrganizationKeys, ResolvedEndpoint } from '../read-models/directory/resolved-endpoint.ts';
import type { Keyring, StreamCipher } from '../secrets/vault.ts';
import { OrganizationGate } from './organization-gate.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';
import { endpointWith, newSecretFor } from './signing-secrets.ts';
import { headerField, routingKeyField, secretField } from '../domain/secret-fields.ts';
import { endpointStream, messageStream } from '../domain/streams.ts';

/** Without `secret`, one is generated if the signature needs it. */
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
    readonly settings: PlainSettingsPatch,
    /** Refused if the endpoint has another. Left out: whatever it has. */
    readonly expectedRevision?: number,
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

/** Sends the sample payload of an event type, or `data`, to one endpoint in one attempt, whatever its status and subscription. */
export class TestEndpoint extends Command<CommandResult & { readonly deliveryId: DeliveryId }> {
  constructor(
    readonly caller: Caller,
    readonly endpointId: EndpointId,
    readonly eventType: string | undefined,
    readonly data?: JsonObject,
  ) {
    super();
  }
}

/** Encrypts the secret parts of the URL, the header values and the secrets in the format options. */
const sealSettings = (settings: PlainSettings, cipher: StreamCipher): EndpointSettings => ({
  ...settings,
  url: sealUrl(settings.url, cipher),
  headers: settings.headers.map(({ name, value }) => ({ name, value: cipher.seal(value, headerField(name)) })),
  formatOptions: sealOptions(settings.formatOptions, cipher),
});

/** The same for a patch. What it leaves masked stays so. */
export const sealPatch = ({ url, headers, formatOptions, ...others }: PlainSettingsPatch, cipher: StreamCipher): EndpointSettingsPatch => ({
  ...others,
  ...(url !== undefined && { url: isMaskedUrl(url) ? { kept: url } : sealUrl(url, cipher) }),
  ...(headers && {
    headers: headers.map(({ name, value }) => ({ name, value: value === null ? null : cipher.seal(value, headerField(name)) })),
  }),
  ...(formatOptions !== undefined && { formatOptions: sealOptions(formatOptions, cipher) }),
});

const sealOptions = (options: EndpointSettings['formatOptions'], cipher: StreamCipher) =>
  sealConstants(
    mapSecretOptions(options, (value) => cipher.seal(value, routingKeyField)),
    cipher,
  );

/** Decided with the rules that need readable secrets. */
const onEndpoint = (id: EndpointId, command: EndpointCommand, keys: OrganizationKeys) => ({
  stream: endpointStream(id),
  decider: endpointWith(keys, id),
  command,
});

/** The command that registers an endpoint. Generates the secret if the signature needs one and none was given, and encrypts what is secret. */
export const registration = (
  { caller: { organizationId }, settings, secret, disabled }: CreateEndpoint,
  id: EndpointId,
  keyring: Keyring,
  internalTypes: InternalTypes,
): EndpointCommand & { type: 'Register' } => {
  const cipher = keyring.cipherFor(endpointStream(id));
  refuseMaskedConstants(settings.formatOptions);
  refuseMaskedTemplate(settings.formatOptions);
  const signs = settings.signature !== 'NONE' && !settings.useOrganizationKey;
  const chosen = secret ?? (signs ? newSecretFor(settings.signature) : undefined);
  return {
    type: 'Register',
    organizationId,
    settings: sealSettings(settings, cipher),
    secret: chosen === undefined ? null : cipher.seal(chosen, secretField),
    disabled,
    internalTypes,
  };
};

/** For the rules on them. */
export const internalTypesFor = (
  { organizationId, kind }: Pick<Caller, 'organizationId' | 'kind'>,
  directory: Pick<EndpointDirectory, 'internalTypes'>,
): InternalTypes => ({ names: directory.internalTypes(organizationId), areHidden: kind === 'PORTAL' });

@CommandHandler(CreateEndpoint)
export class CreateEndpointHandler implements ICommandHandler<CreateEndpoint> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
    private readonly gate: OrganizationGate = new OrganizationGate(directory),
  ) {}

  async execute(create: CreateEndpoint) {
    this.gate.checkEndpoints(create.caller.organizationId);
    const keys = this.directory.requireOrganization(create.caller.organizationId);
    const id = endpointId.parse(newId());
    const command = registration(create, id, keys.keyring, internalTypesFor(create.caller, this.directory));
    const { position } = await this.executor.execute(onEndpoint(id, command, keys), newCause(create.caller));
    return { endpointId: id, position };
  }
}

@CommandHandler(UpdateEndpoint)
export class UpdateEndpointHandler implements ICommandHandler<UpdateEndpoint> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  /** @throws RevisionChanged if the endpoint has another revision than the expected one */
  async execute({ caller, endpointId, settings, expectedRevision }: UpdateEndpoint): Promise<CommandResult> {
    const keys = this.directory.requireOrganization(caller.organizationId);
    this.directory.requireEndpoint(caller.organizationId, endpointId);
    const cipher = keys.keyring.cipherFor(endpointStream(endpointId));
    const command: EndpointCommand = {
      type: 'Change',
      settings: sealPatch(settings, cipher),
      internalTypes: internalTypesFor(caller, this.directory),
    };
    return this.executor.execute({ ...onEndpoint(endpointId, command, keys), requiredRevision: expectedRevision }, newCause(caller));
  }
}

@CommandHandler(SetEndpointStatus)
export class SetEndpointStatusHandler implements ICommandHandler<SetEndpointStatus> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  async execute({ caller, endpointId, change }: SetEndpointStatus): Promise<CommandResult> {
    const keys = this.directory.requireOrganization(caller.organizationId);
    this.directory.requireEndpoint(caller.organizationId, endpointId);
    return this.executor.execute(onEndpoint(endpointId, change, keys), newCause(caller));
  }
}

@CommandHandler(RotateEndpointSecret)
export class RotateEndpointSecretHandler implements ICommandHandler<RotateEndpointSecret> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  async execute({ caller, endpointId, secret, graceSeconds }: RotateEndpointSecret): Promise<CommandResult> {
    const keys = this.directory.requireOrganization(caller.organizationId);
    const { signature } = this.directory.requireEndpoint(caller.organizationId, endpointId).configuration.settings;
    const previousUntil = new Date(Date.now() + graceSeconds * 1000).toISOString();
    const command: EndpointCommand = {
      type: 'RotateSecret',
      secret: keys.keyring.cipherFor(endpointStream(endpointId)).seal(secret ?? newSecretFor(signature), secretField),
      previousUntil,
    };
    return this.executor.execute(onEndpoint(endpointId, command, keys), newCause(caller));
  }
}

const none: ReadonlySet<string> = new Set();

/** A portal session is shown no sample of an internal type. */
export const notOfferedToTest = (eventType: string) =>
  badInput('eventType', `${JSON.stringify(eventType)} is not offered to portal sessions; \`eventTypes\` lists what is.`);

/** For types without a sample. */
export const defaultSample: JsonObject = { message: 'This is a test delivery.' };

@CommandHandler(TestEndpoint)
export class TestEndpointHandler implements ICommandHandler<TestEndpoint> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  async execute({ caller, endpointId, eventType, data }: TestEndpoint) {
    const { organizationId } = caller;
    const endpoint = this.directory.requireEndpoint(organizationId, endpointId);
    const { names, areHidden } = internalTypesFor(caller, this.directory);
    const hidden = areHidden ? names : none;
    if (eventType !== undefined && hidden.has(eventType)) throw notOfferedToTest(eventType);
    const messageType = eventType ?? this.firstTypeOf(endpoint, hidden);
    const sample = this.directory.eventType(organizationId, messageType)?.sample;
    const messageId = newMessageId();
    const command: AcceptMessage = {
      type: 'AcceptMessage',
      organizationId,
      messageType,
      data: data ?? (isJsonObject(sample) ? sample : defaultSample),
      now: new Date(),
      destinations: [{ endpointId }],
      skipped: [],
      routedAt: this.directory.routedAt,
      test: true,
    };
    const { position } = await this.executor.execute({ stream: messageStream(messageId), decider: message, command }, newCause(caller));
    return { position, deliveryId: deliveryIdOf(messageId, endpointId) };
  }

  /** A type that the endpoint subscribes to by name; else a defined type that it takes; else a type of our own. */
  private firstTypeOf({ configuration, matcher }: ResolvedEndpoint, hidden: ReadonlySet<string>): string {
    const { organizationId, settings } = configuration;
    const named = settings.eventTypes.find((name) => /^[\w-]+(\.[\w-]+)+$/.test(name) && !hidden.has(name));
    const taken = this.directory
      .eventTypes(organizationId)
      .find(({ name, retired }) => !retired && !hidden.has(name) && matcher.takes(name, this.directory.kindOf(organizationId, name)));
    return named ?? taken?.name ?? 'endpoint.test';
  }
}
