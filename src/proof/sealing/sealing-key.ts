// The installation's signing key for seals: created at the first start, and kept in the log, wrapped by the master key.
import type { KeyObject } from 'node:crypto';
import type { CommandExecutor } from '../../commands/command-executor.ts';
import { sealingKeyField } from '../../domain/secret-fields.ts';
import { sealing, type Sealing, type SealingCommand, type SealingEvent, type SealingKey } from '../../domain/sealing.ts';
import { sealingKeyStream, sealingStream } from '../../domain/streams.ts';
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
    if (first?.type !== 'ledger.key-created') return undefined;
    const rewrapped = (await store.readStream(sealingKeyStream)).at(-1);
    return rewrapped?.type === 'ledger.key-rewrapped' ? { ...first.data, ...rewrapped.data } : first.data;
  };
  let stored = await readKey();
  if (!stored) {
    await createKey(executor, vault);
    stored = await readKey(); // another replica's key, if that replica was faster
  }
  if (!stored) throw new Error('The log has no sealing key, and did not accept a new one.');
  return { publicKey: stored.publicKey, privateKey: decryptSealingKey(stored, vault) };
};

/** @throws SecretUnreadable if the key was wrapped by another master key */
export const decryptSealingKey = ({ encryptionKey, privateKey }: SealingKey, vault: Vault): KeyObject =>
  privateKeyOf(vault.keyring([encryptionKey], sealingStream).cipherFor(sealingStream).open(privateKey, sealingKeyField));

const createKey = async (executor: CommandExecutor, vault: Vault): Promise<void> => {
  const encryptionKey = vault.newKey(sealingStream);
  const key = newPrivateKey();
  const command = {
    type: 'CreateKey',
    publicKey: publicKeyOf(key),
    encryptionKey,
    privateKey: vault.keyring([encryptionKey], sealingStream).cipherFor(sealingStream).seal(key, sealingKeyField),
  } as const;
  await executor.execute<SealingCommand, SealingEvent, Sealing>(
    { stream: sealingStream, decider: sealing, command },
    { actor: 'system:setup', commandId: `${sealingStream}/key` },
  );
};
