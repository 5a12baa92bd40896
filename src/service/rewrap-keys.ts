// Re-wraps everything that the current master key has not wrapped yet. `hookledger rotate-master-key` does it beside running replicas; a server with
// the embedded log does it at its start, because nobody else can write that log while it runs.
import { rewrapEncryptionKeys, rewrapSealingKey } from '../commands/key-rotation.ts';
import type { CommandExecutor } from '../commands/command-executor.ts';
import type { OrganizationId } from '../domain/ids.ts';
import { sealingStream } from '../domain/streams.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { newId } from '../event-store/id-generation.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { SecretUnreadable, type Vault } from '../secrets/vault.ts';

type Parts = {
  readonly store: Pick<EventStore, 'readStream'>;
  readonly executor: CommandExecutor;
  readonly directory: Pick<EndpointDirectory, 'organizationIds'>;
  readonly vault: Vault;
};

type Rewrapped = {
  readonly organizations: number;
  readonly rewrapped: number;
  readonly sealingKey: boolean;
  /** Why, by organization: neither of the two master keys opens one of its keys. */
  readonly failed: readonly (readonly [OrganizationId, string])[];
};

export const rewrapKeys = async ({ store, executor, directory, vault }: Parts): Promise<Rewrapped> => {
  const cause = { actor: 'system:keys', commandId: newId() };
  const failed: [OrganizationId, string][] = [];
  let [organizations, rewrapped] = [0, 0];
  for (const id of directory.organizationIds()) {
    organizations += 1;
    try {
      if (await rewrapEncryptionKeys(executor, vault, id, cause)) rewrapped += 1;
    } catch (error) {
      if (!(error instanceof SecretUnreadable)) throw error;
      failed.push([id, error.message]);
    }
  }
  const [created] = await store.readStream(sealingStream, { upTo: 0 });
  const sealingKey = created?.type === 'ledger.key-created' && (await rewrapSealingKey(executor, vault, created.data.encryptionKey, cause));
  return { organizations, rewrapped, sealingKey, failed };
};
