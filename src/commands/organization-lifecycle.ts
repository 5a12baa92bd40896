// The commands that make, change, suspend and delete organizations. They name the organization; the caller spans the installation.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { asOrganizationId, type OrganizationId } from '../domain/ids.ts';
import { organization, type OrganizationCommand, type OrganizationSettings } from '../domain/organization.ts';
import { signingKeyField } from '../domain/secret-fields.ts';
import { organizationStream } from '../domain/streams.ts';
import { newId } from '../event-store/id-generation.ts';
import { Vault } from '../secrets/vault.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';
import { newOrganizationKey } from './signing-secrets.ts';

/** Without `id`, one is generated. The same again changes nothing. */
export class CreateOrganization extends Command<CommandResult & { readonly id: OrganizationId }> {
  constructor(
    readonly caller: Caller,
    readonly id: OrganizationId | undefined,
    readonly settings: OrganizationSettings & { readonly name: string },
  ) {
    super();
  }
}

type Change = Extract<OrganizationCommand, { type: 'ChangeOrganization' | `${'Suspend' | 'Resume' | 'Delete'}Organization` }>;

export class ChangeOrganization extends Command<CommandResult> {
  constructor(
    readonly caller: Caller,
    readonly id: OrganizationId,
    readonly change: Change,
  ) {
    super();
  }
}

@CommandHandler(CreateOrganization)
export class CreateOrganizationHandler implements ICommandHandler<CreateOrganization> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly vault: Vault,
  ) {}

  async execute({ caller, id = asOrganizationId(newId()), settings }: CreateOrganization) {
    const stream = organizationStream(id);
    const encryptionKey = this.vault.newKey(stream);
    const cipher = this.vault.keyring([encryptionKey], stream).cipherFor(stream);
    const signingKey = cipher.seal(newOrganizationKey(), signingKeyField);
    const command = { type: 'CreateOrganization', id, settings, encryptionKey, signingKey } as const;
    // The log tells whether it has one with this id.
    const expected = { state: organization.initial, revision: 'no-stream' } as const;
    const { position } = await this.executor.execute({ stream, decider: organization, command, expected }, newCause(caller));
    return { id, position };
  }
}

@CommandHandler(ChangeOrganization)
export class ChangeOrganizationHandler implements ICommandHandler<ChangeOrganization> {
  constructor(private readonly executor: CommandExecutor) {}

  async execute({ caller, id, change }: ChangeOrganization): Promise<CommandResult> {
    return this.executor.execute({ stream: organizationStream(id), decider: organization, command: change }, newCause(caller));
  }
}
