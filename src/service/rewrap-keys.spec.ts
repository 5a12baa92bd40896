import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silent } from '../../test/support/silent.ts';
import { CommandExecutor } from '../commands/command-executor.ts';
import { rotateEncryptionKey } from '../commands/key-rotation.ts';
import type { DomainEvent } from '../domain/catalog.ts';
import { organizationId } from '../domain/ids.ts';
import { organizationStream } from '../domain/streams.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { newId } from '../event-store/id-generation.ts';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.ts';
import { openSealingKey } from '../proof/sealing/sealing-key.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { SecretUnreadable, Vault } from '../secrets/vault.ts';
import { rewrapKeys } from './rewrap-keys.ts';

const [before, after] = [randomBytes(32), randomBytes(32)];
const [old, both, fresh] = [new Vault(before), new Vault(after, before), new Vault(after)];
const [a, b, c] = [organizationId.parse('a'), organizationId.parse('b'), organizationId.parse('c')];
const ids = [a, b, c];
const cause = () => ({ actor: 'test', commandId: newId() });

describe('re-wrapping', () => {
  let folder: string;
  let store: SqliteEventStore;
  const append = (stream: string, ...events: DomainEvent[]) =>
    store.append([
      { stream, expectedRevision: 'no-stream', events: events.map((event) => ({ ...event, id: newId(), metadata: { actor: 'test' } })) },
    ]);

  /** The directory as a replica with that vault has it. */
  const openedBy = async (vault: Vault) => {
    const directory = new EndpointDirectory(store, vault, silent);
    await directory.start();
    return { directory, [Symbol.asyncDispose]: () => directory.stop() };
  };
  const signingKeys = ({ directory }: { directory: EndpointDirectory }) => ids.map((id) => directory.organization(id)?.signingKey);
  const reached = async ({ directory }: { directory: EndpointDirectory }) => {
    const tip = await store.tip();
    if (tip !== undefined) await directory.progress.reached(tip, 1000);
  };
  const sealingKey = (vault: Vault) => openSealingKey(new CommandExecutor(store), store, vault);
  const rewrap = async (through: EventStore) => {
    await using opened = await openedBy(both);
    return rewrapKeys({ store, executor: new CommandExecutor(through), directory: opened.directory, vault: both });
  };
  /** Ends at the append after so many. */
  const dyingAfter = (appends: number): EventStore => {
    let left = appends;
    return new Proxy(store, {
      get(target, name) {
        if (name === 'append' && left-- === 0) throw new Error('killed');
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rewrap-'));
    store = await SqliteEventStore.open({ directory: folder });
    for (const id of ids) {
      const stream = organizationStream(id);
      const encryptionKey = old.newKey(stream);
      const key = old.keyring([encryptionKey], stream).cipherFor(stream).seal(`key of ${id}`, 'signingKey');
      await append(
        stream,
        { type: 'organization.registered', data: { name: id, encryptionKey } },
        { type: 'organization.signing-key-set', data: { key } },
      );
    }
    await sealingKey(old);
    await rotateEncryptionKey(new CommandExecutor(store), old, b, cause());
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  it.each([0, 1, 2, 3])('loses nothing by a crash after %i of its 4 appends', async (appends) => {
    const { publicKey } = await sealingKey(old);
    await expect(rewrap(dyingAfter(appends))).rejects.toThrow('killed');
    {
      await using opened = await openedBy(both);
      expect(signingKeys(opened)).toEqual(['key of a', 'key of b', 'key of c']);
      expect(await sealingKey(both)).toMatchObject({ publicKey });
    }
    expect(await rewrap(store)).toEqual({ organizations: 3, rewrapped: Math.max(0, 3 - appends), sealingKey: true, failed: [] });
    expect(await rewrap(store)).toEqual({ organizations: 3, rewrapped: 0, sealingKey: false, failed: [] });
    await using opened = await openedBy(fresh);
    expect(signingKeys(opened)).toEqual(['key of a', 'key of b', 'key of c']);
    expect(opened.directory.unusableCount).toBe(0);
    expect(await sealingKey(fresh)).toMatchObject({ publicKey });
    await expect(openedBy(old)).rejects.toThrow(SecretUnreadable);
  });

  it('leaves a running replica that has only the master key before with what it opened', async () => {
    await using opened = await openedBy(old);
    await rewrap(store);
    await reached(opened);
    expect(signingKeys(opened)).toEqual(['key of a', 'key of b', 'key of c']);
    expect(opened.directory.unusableCount).toBe(0);
  });

  it('makes an organization usable on a replica that could not open its keys', async () => {
    await rewrapKeys({
      store,
      executor: new CommandExecutor(store),
      directory: { organizationIds: () => [a, b] },
      vault: both,
    });
    await using opened = await openedBy(fresh);
    expect(signingKeys(opened)).toEqual(['key of a', 'key of b', undefined]);
    expect(opened.directory.unusableCount).toBe(1);
    expect(() => opened.directory.requireOrganization(c)).toThrow(/HOOKLEDGER_MASTER_KEY_PREVIOUS/);
    await rewrap(store);
    await reached(opened);
    expect(signingKeys(opened)).toEqual(['key of a', 'key of b', 'key of c']);
    expect(opened.directory.unusableCount).toBe(0);
  });

  it('leaves an organization as it is whose keys neither master key opens, and says so', async () => {
    const stream = 'organization-strange';
    const encryptionKey = new Vault(randomBytes(32)).newKey(stream);
    await append(stream, { type: 'organization.registered', data: { name: 'strange', encryptionKey } });
    expect(await rewrap(store)).toMatchObject({
      organizations: 4,
      rewrapped: 3,
      failed: [['strange', expect.stringContaining('master key')]],
    });
  });
});
