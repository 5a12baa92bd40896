// The installation's signing key for seals: created at the first start, and kept in the log, wrapped by the master key.
import type { KeyObject } from 'node:crypto';
import type { CommandExecutor } from '../../commands/command-executor.ts';
import { sealing, type Sealing, type SealingCommand, type SealingEvent } from '../../domain/sealing.ts';
import { sealingStream } from '../../domain/streams.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import { newPrivateKey, privateKeyOf, publicKeyOf } from '../../secrets/signing-keys.ts';
import type { Vault } from '../../secrets/vault.ts';

export type SealingKeyPair = { readonly publicKey: string; readonly privateKey: KeyObject };

/** Creates the key if the log has none. @throws SecretUnreadable if the key was wrapped by another master key */
export const openSealingKey = async (
  executor: CommandExecutor,
  store: Pick<EventStore, 'readStream'>,
  vault: Vault,
): Promise<SealingKeyPair> => {
  const readKey = async () => {
    const [first] = await store.readStream(sealingStream, { upTo: 0 });
    return first?.type === 'ledger.key-created' ? first.data : undefined;
  };
  let stored = await readKey();
  if (!stored) {
    await createKey(executor, vault);
    stored = await readKey(); // another replica's key, if that replica was faster
  }
  if (!stored) throw new Error('The log has no sealing key, and did not accept a new one.');
  const privateKey = vault.keyring(stored.encryptionKey).open(stored.privateKey);
  return { publicKey: stored.publicKey, privateKey: privateKeyOf(privateKey) };
};

const createKey = async (executor: CommandExecutor, vault: Vault): Promise<void> => {
  const encryptionKey = vault.newKey();
  const key = newPrivateKey();
  const command = {
    type: 'CreateKey',
    publicKey: publicKeyOf(key),
    encryptionKey,
    privateKey: vault.keyring(encryptionKey).seal(key),
  } as const;
  await executor.execute<SealingCommand, SealingEvent, Sealing>(
    { stream: sealingStream, decider: sealing, command },
    { actor: 'system:setup', commandId: `${sealingStream}/key` },
  );
};
