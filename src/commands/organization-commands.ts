// The commands on the organization: its event types, its signing key, its API keys.
import { hash, randomBytes } from 'node:crypto';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { apiKey, type ApiKeyRole } from '../domain/api-key.ts';
import { badInput, conflict } from '../domain/errors.ts';
import { apiKeyId, type ApiKeyId, type OrganizationId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import { sameName } from '../domain/names.ts';
import { organization, type OrganizationCommand } from '../domain/organization.ts';
import { newId } from '../event-store/id-generation.ts';
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
    readonly eventType: { name: string; group?: string | undefined; description: string | null; sample: Json | null },
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
    /** ISO 8601. Undefined: it does not expire. */
    readonly expiresAt?: string,
    readonly key?: string,
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

  async execute({ caller, eventType }: DefineEventType): Promise<CommandResult> {
    const command: OrganizationCommand = { type: 'DefineEventType', ...eventType };
    return this.executor.execute({ stream: organizationStream(caller.organizationId), decider: organization, command }, newCause(caller));
  }
}

@CommandHandler(RetireEventType)
export class RetireEventTypeHandler implements ICommandHandler<RetireEventType> {
  constructor(private readonly executor: CommandExecutor) {}

  async execute({ caller, name }: RetireEventType): Promise<CommandResult> {
    const command: OrganizationCommand = { type: 'RetireEventType', name };
    return this.executor.execute({ stream: organizationStream(caller.organizationId), decider: organization, command }, newCause(caller));
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

  execute({ caller, name, role, expiresAt, key = newKey() }: IssueApiKey) {
    return oneAtATime(this.directory, async () => {
      const { organizationId } = caller;
      const other = validKeysOf(this.directory, organizationId).find((each) => sameName(each.name, name));
      if (other)
        throw conflict(
          `The key "${other.name}" (${other.id}, ${other.role}) has this name; choose another one, or revoke that key first.`,
          'name',
        );
      const id = apiKeyId.parse(newId());
      const command = { type: 'IssueApiKey', organizationId, name, role, hash: hashOfKey(key), expiresAt } as const;
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
      const admins = validKeysOf(this.directory, organizationId).filter(({ role }) => role === 'ADMIN');
      const problem = lastAdminProblem(admins, id);
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

/** Without an admin key, nobody could issue another. One that expires does not replace one that does not. @param admins those that are valid */
const lastAdminProblem = (admins: readonly ApiKeyEntry[], id: ApiKeyId): string | undefined => {
  const revoked = admins.find((each) => each.id === id);
  if (!revoked) return undefined;
  const others = admins.filter((each) => each.id !== id && (revoked.expiresAt !== undefined || each.expiresAt === undefined));
  if (others.length > 0) return undefined;
  return admins.length === 1
    ? `"${revoked.name}" is the last admin key, and without one nobody could issue another; issue a new admin key first.`
    : `"${revoked.name}" is the last admin key that does not expire, and without one nobody could issue another some day; issue a new one without \`expiresAt\` first.`;
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
