// The commands on the organization: its first registration, its event types, its API keys.
import { hash, randomBytes } from 'node:crypto';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { apiKey, apiKeyStream, type ApiKeyRole } from '../domain/api-key.ts';
import type { ApiKeyId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import { organization, organizationStream, type OrganizationCommand } from '../domain/organization.ts';
import { newId } from '../event-store/ids.ts';
import { causeOf, type Caller, type Done } from './caller.ts';
import { Ledger } from './ledger.ts';

/** `group` left out: the one it has, or the part of the name before its first dot. */
export class DefineEventType extends Command<Done> {
  constructor(
    readonly caller: Caller,
    readonly eventType: { name: string; group?: string | undefined; description: string | null; sample: Json | null },
  ) {
    super();
  }
}

export class RetireEventType extends Command<Done> {
  constructor(
    readonly caller: Caller,
    readonly name: string,
  ) {
    super();
  }
}

/** `key` left out: a new random one is made. It is answered this once and never stored. */
export class IssueApiKey extends Command<Done & { readonly id: ApiKeyId; readonly key: string }> {
  constructor(
    readonly caller: Caller,
    readonly name: string,
    readonly role: ApiKeyRole,
    readonly key?: string,
  ) {
    super();
  }
}

export class RevokeApiKey extends Command<Done> {
  constructor(
    readonly caller: Caller,
    readonly id: ApiKeyId,
  ) {
    super();
  }
}

/** A new API key: 32 random bytes behind a prefix that says what it is. */
export const newKey = () => `hlk_${randomBytes(32).toString('base64url')}`;

/** Keys are long and random, so a fast hash is enough. Hex. */
export const hashOfKey = (key: string) => hash('sha256', key, 'hex');

@CommandHandler(DefineEventType)
export class DefineEventTypeHandler implements ICommandHandler<DefineEventType> {
  constructor(private readonly ledger: Ledger) {}

  async execute({ caller, eventType }: DefineEventType): Promise<Done> {
    const command: OrganizationCommand = { type: 'DefineEventType', ...eventType };
    return this.ledger.execute({ stream: organizationStream(caller.organizationId), decider: organization, command }, causeOf(caller));
  }
}

@CommandHandler(RetireEventType)
export class RetireEventTypeHandler implements ICommandHandler<RetireEventType> {
  constructor(private readonly ledger: Ledger) {}

  async execute({ caller, name }: RetireEventType): Promise<Done> {
    const command: OrganizationCommand = { type: 'RetireEventType', name };
    return this.ledger.execute({ stream: organizationStream(caller.organizationId), decider: organization, command }, causeOf(caller));
  }
}

@CommandHandler(IssueApiKey)
export class IssueApiKeyHandler implements ICommandHandler<IssueApiKey> {
  constructor(private readonly ledger: Ledger) {}

  async execute({ caller, name, role, key = newKey() }: IssueApiKey) {
    const id = newId() as ApiKeyId;
    const command = { type: 'IssueApiKey', organizationId: caller.organizationId, name, role, hash: hashOfKey(key) } as const;
    const { position } = await this.ledger.execute({ stream: apiKeyStream(id), decider: apiKey, command }, causeOf(caller));
    return { id, key, position };
  }
}

@CommandHandler(RevokeApiKey)
export class RevokeApiKeyHandler implements ICommandHandler<RevokeApiKey> {
  constructor(private readonly ledger: Ledger) {}

  async execute({ caller, id }: RevokeApiKey): Promise<Done> {
    const command = { type: 'RevokeApiKey', organizationId: caller.organizationId } as const;
    return this.ledger.execute({ stream: apiKeyStream(id), decider: apiKey, command }, causeOf(caller));
  }
}
