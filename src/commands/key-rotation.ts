// Rotating keys: another data key for an organization, and the same data keys wrapped by another master key.
// Each step is one event. After a crash, what is not recorded is done when the command runs again.
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { OrganizationId } from '../domain/ids.ts';
import { organization } from '../domain/organization.ts';
import { sealingKeyWrapping } from '../domain/sealing.ts';
import { organizationStream, sealingKeyStream, sealingStream } from '../domain/streams.ts';
import { Vault } from '../secrets/vault.ts';
import { newCause, type Caller, type CommandResult } from './caller.ts';
import { CommandExecutor, type Cause } from './command-executor.ts';

/** New secrets of the caller's organization are encrypted under a new data key from here on. */
export class RotateEncryptionKey extends Command<CommandResult> {
  constructor(readonly caller: Caller) {
    super();
  }
}

/** @param vault must open the organization's present keys: else it would wrap the new one by another master key */
export const rotateEncryptionKey = (executor: CommandExecutor, vault: Vault, id: OrganizationId, cause: Cause): Promise<CommandResult> => {
  const stream = organizationStream(id);
  return executor.execute(
    { stream, decider: organization, command: { type: 'RotateEncryptionKey', encryptionKey: vault.newKey(stream) } },
    cause,
  );
};

/**
 * Wraps all data keys of an organization by the current master key.
 * @returns whether there was something to do
 * @throws SecretUnreadable if neither the current nor the previous master key opens one of them
 */
export const rewrapEncryptionKeys = async (executor: CommandExecutor, vault: Vault, id: OrganizationId, cause: Cause): Promise<boolean> => {
  const stream = organizationStream(id);
  const decider: typeof organization = {
    ...organization,
    decide(command, state) {
      if (state.exists !== 'yes') return organization.decide(command, state);
      const to = state.encryptionKeys.map((wrapped) => vault.rewrap(wrapped, stream));
      return organization.decide({ type: 'RewrapEncryptionKeys', from: state.encryptionKeys, to }, state);
    },
  };
  const command = { type: 'RewrapEncryptionKeys', from: [], to: [] } as const; // the decider fills it in
  const { events } = await executor.execute({ stream, decider, command }, cause);
  return events.length > 0;
};

/**
 * The same for the key of the seals.
 * @param wrapped as it was recorded with the key
 */
export const rewrapSealingKey = async (executor: CommandExecutor, vault: Vault, wrapped: string, cause: Cause): Promise<boolean> => {
  const decider: typeof sealingKeyWrapping = {
    ...sealingKeyWrapping,
    decide(_, state = wrapped) {
      const encryptionKey = vault.rewrap(state, sealingStream);
      return sealingKeyWrapping.decide({ type: 'RewrapKey', encryptionKey }, state);
    },
  };
  const command = { type: 'RewrapKey', encryptionKey: wrapped } as const; // the decider re-wraps it
  const { events } = await executor.execute({ stream: sealingKeyStream, decider, command }, cause);
  return events.length > 0;
};

@CommandHandler(RotateEncryptionKey)
export class RotateEncryptionKeyHandler implements ICommandHandler<RotateEncryptionKey> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly vault: Vault,
  ) {}

  async execute({ caller }: RotateEncryptionKey): Promise<CommandResult> {
    return rotateEncryptionKey(this.executor, this.vault, caller.organizationId, newCause(caller));
  }
}
