// The commands on the organization: its event types, its signing key, its API keys.
import { hash, randomBytes } from 'node:crypto';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { apiKey, type ApiKeyRole } from '../domain/api-key.ts';
import { badInput, conflict, forbidden, notFound } from '../domain/errors.ts';
import { apiKeyId, type ApiKeyId, type OrganizationId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import { sameName } from '../domain/names.ts';
import type { Audience } from '../domain/organization-events.ts';
import { defaultOrganization, organization, type OrganizationCommand } from '../domain/organization.ts';
import { apiKeyIdOf, newId } from '../event-store/id-generation.ts';
import { isExpired, type ApiKeyEntry } from '../read-models/directory/api-key-index.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';
import { misfit, newOrganizationKey } from './signing-secrets.ts';
import { keepSigningKey } from './unchanged-secrets.ts';
import { signingKeyField } from '../domain/secret-fields.ts';
import { apiKeyStream, organizationStream } from '../domain/streams.ts';

/** Without `group`, the type keeps its group; a new type gets the part of its name before the first dot. */
export class DefineEventType extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly eventType: {
      name: string;
      group?: string | undefined;
      description: string | null;
      sample: Json | null;
      audience: Audience;
      /** For every organization. */
      shared: boolean;
    },
  ) {
    super();
  }
}

export class RetireEventType extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly name: string,
  ) {
    super();
  }
}

/** Without `key`, a random one is generated. It replaces the previous key from the next attempt on. */
export class ResetSigningKey extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly key?: string,
  ) {
    super();
  }
}

/** Without `key`, a random one is generated. It is returned once and never stored. */
export class IssueApiKey extends Command<CommandResult & { readonly id: ApiKeyId; readonly key: string }> {
  constructor(
    readonly caller: Caller,
    readonly name: string,
    readonly role: ApiKeyRole,
    readonly options: {
      /** It belongs to the organization `default`, and acts for any. */
      readonly spansOrganizations?: boolean;
      /** ISO 8601. Undefined: it does not expire. */
      readonly expiresAt?: string | undefined;
      readonly key?: string;
    } = {},
  ) {
    super();
  }
}

export class RevokeApiKey extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly id: ApiKeyId,
  ) {
    super();
  }
}

/** Generates an API key: 32 random bytes, with a prefix that identifies it as a key of Hookledger. */
export const newKey = () => `hlk_${randomBytes(32).toString('base64url')}`;

/** In hex. Keys are long and random, so a fast hash is enough. */
export const hashOfKey = (key: string) => hash('sha256', key, 'hex');

@CommandHandler(DefineEventType)
export class DefineEventTypeHandler implements ICommandHandler<DefineEventType> {
  constructor(private readonly executor: CommandExecutor) {}

  async execute({ caller, eventType: { shared, ...eventType } }: DefineEventType): Promise<CommandResult> {
    if (shared && !caller.spansOrganizations)
      throw forbidden('Only a key that spans the installation defines event types for every organization; leave out shared.');
    const command: OrganizationCommand = { type: 'DefineEventType', ...eventType, ...(shared && { shared }) };
    const owner = shared ? defaultOrganization : caller.organizationId;
    return this.executor.execute({ stream: organizationStream(owner), decider: organization, command }, newCause(caller));
  }
}

@CommandHandler(RetireEventType)
export class RetireEventTypeHandler implements ICommandHandler<RetireEventType> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  /** Its own, else the one that all share. */
  async execute({ caller, name }: RetireEventType): Promise<CommandResult> {
    const shared = this.directory.organizations.isShared(caller.organizationId, name);
    if (shared && !caller.spansOrganizations)
      throw forbidden(`The event type "${name}" is shared by every organization; only a key that spans the installation retires it.`);
    const command: OrganizationCommand = { type: 'RetireEventType', name, ...(shared && { shared }) };
    const owner = shared ? defaultOrganization : caller.organizationId;
    return this.executor.execute({ stream: organizationStream(owner), decider: organization, command }, newCause(caller));
  }
}

@CommandHandler(ResetSigningKey)
export class ResetSigningKeyHandler implements ICommandHandler<ResetSigningKey> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  async execute({ caller, key = newOrganizationKey() }: ResetSigningKey): Promise<CommandResult> {
    const { organizationId } = caller;
    const { keyring } = this.directory.requireOrganization(organizationId);
    this.check(organizationId, key);
    const stream = organizationStream(organizationId);
    const cipher = keyring.cipherFor(stream);
    const command: OrganizationCommand = { type: 'SetSigningKey', key: cipher.seal(key, signingKeyField) };
    const decider: typeof organization = {
      ...organization,
      decide: (given, state) => organization.decide(keepSigningKey(given, state, cipher), state),
    };
    return this.executor.execute({ stream, decider, command }, newCause(caller));
  }

  /**
   * Every endpoint that uses the key must be able to sign with it. Limit: endpoints are other streams, so one that starts to use the key at this
   * moment is missed. Its attempts fail as FORMAT with the reason until the key or the endpoint is corrected.
   */
  private check(organizationId: OrganizationId, key: string): void {
    for (const { configuration } of this.directory.endpoints(organizationId)) {
      const { name, signature, useOrganizationKey } = configuration.settings;
      const why = useOrganizationKey ? misfit(signature, key) : undefined;
      if (why !== undefined)
        throw badInput('key', `The endpoint "${name}" signs with this key by ${signature}: ${why}. Leave it out, and one is made.`);
    }
  }
}

@CommandHandler(IssueApiKey)
export class IssueApiKeyHandler implements ICommandHandler<IssueApiKey> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  execute({ caller, name, role, options }: IssueApiKey) {
    const { spansOrganizations = false, expiresAt, key: given } = options;
    const key = given ?? newKey();
    return oneAtATime(this.directory, async () => {
      if (spansOrganizations && !caller.spansOrganizations)
        throw forbidden('Only a key that spans the installation may issue another one that does; leave out spansOrganizations.');
      const organizationId = spansOrganizations ? defaultOrganization : caller.organizationId;
      const other = validKeysOf(this.directory, organizationId).find((each) => sameName(each.name, name));
      if (other) throw conflict(nameTaken(other, caller), 'name');
      const hash = hashOfKey(key);
      const id = given === undefined ? apiKeyIdOf(hash) : apiKeyId.parse(newId()); // one that was revoked may be given again
      const command = { type: 'IssueApiKey', organizationId, name, role, hash, spansOrganizations, expiresAt } as const;
      const { position } = await this.executor.execute({ stream: apiKeyStream(id), decider: apiKey, command }, newCause(caller));
      return { id, key, position };
    });
  }
}

@CommandHandler(RevokeApiKey)
export class RevokeApiKeyHandler implements ICommandHandler<RevokeApiKey> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  execute({ caller, id }: RevokeApiKey): Promise<CommandResult> {
    return oneAtATime(this.directory, () => {
      const { organizationId } = caller;
      const valid = validKeysOf(this.directory, organizationId);
      const revoked = valid.find((each) => each.id === id);
      if (revoked && !maySee(revoked, caller)) throw notFound('There is no such API key.');
      const problem = revoked && lastAdminProblem(revoked, valid, caller);
      if (problem !== undefined) throw conflict(problem, 'id');
      const command = { type: 'RevokeApiKey', organizationId } as const;
      return this.executor.execute({ stream: apiKeyStream(id), decider: apiKey, command }, newCause(caller));
    });
  }
}

const validKeysOf = (directory: EndpointDirectory, organizationId: OrganizationId): ApiKeyEntry[] => {
  const now = Date.now();
  return directory.apiKeysOf(organizationId).filter((each) => !isExpired(each, now));
};

/** An organization's own keys know nothing of those that span the installation. */
const maySee = ({ spansOrganizations }: ApiKeyEntry, caller: Caller): boolean => !spansOrganizations || caller.spansOrganizations === true;

const nameTaken = (other: ApiKeyEntry, caller: Caller): string => {
  const which = maySee(other, caller) ? ` (${other.id}, ${other.role})` : '';
  return `The key "${other.name}"${which} has this name; choose another one${which === '' ? '' : ', or revoke that key first'}.`;
};

/**
 * Without an admin key, nobody could issue another. One that expires does not replace one that does not. A key that spans can issue one for every
 * organization.
 */
const lastAdminProblem = (revoked: ApiKeyEntry, valid: readonly ApiKeyEntry[], caller: Caller): string | undefined => {
  const isNeeded = revoked.spansOrganizations !== false || !caller.spansOrganizations;
  if (revoked.role !== 'ADMIN' || !isNeeded) return undefined;
  const isOfItsKind = ({ role, spansOrganizations }: ApiKeyEntry) =>
    role === 'ADMIN' && (spansOrganizations !== false || revoked.spansOrganizations === false);
  const admins = valid.filter(isOfItsKind);
  const others = admins.filter((each) => each.id !== revoked.id && (revoked.expiresAt !== undefined || each.expiresAt === undefined));
  if (others.length > 0) return undefined;
  const kind = revoked.spansOrganizations === false ? 'the last admin key' : 'the last admin key that spans the installation';
  return admins.length === 1
    ? `"${revoked.name}" is ${kind}, and without one nobody could issue another; issue a new admin key first.`
    : `"${revoked.name}" is ${kind} and does not expire, and without one nobody could issue another some day; issue a new one without \`expiresAt\` first.`;
};

/** By directory: one for each process, except in tests. */
const lastOf = new WeakMap<EndpointDirectory, Promise<unknown>>();
const longestWaitMs = 5_000;

/**
 * Issuing and revoking look at the other keys in the directory, so each waits until it shows the one before. Limit: keys are streams of their own, so
 * two replicas may issue the same name, or revoke the last two admin keys, at the same moment. The id of a key is certain in any case.
 */
const oneAtATime = <T extends CommandResult>(directory: EndpointDirectory, work: () => Promise<T>): Promise<T> => {
  const before = lastOf.get(directory) ?? Promise.resolve();
  const result = before.then(async () => {
    const done = await work();
    if (done.position !== undefined) await directory.progress.reached(done.position, longestWaitMs);
    return done;
  });
  lastOf.set(
    directory,
    result.catch(() => undefined),
  );
  return result;
};
