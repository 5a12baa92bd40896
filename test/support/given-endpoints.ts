// Given a log, a directory and the commands on endpoints: the fixture of their specs.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';
import { organizationId, settings as stored } from './samples.ts';
import { silent } from './silent.ts';
import type { DomainEvent } from '../../src/domain/catalog.ts';
import type { PlainSettings, PlainSettingsPatch } from '../../src/domain/endpoint-settings.ts';
import type { EndpointId, OrganizationId, Position } from '../../src/domain/ids.ts';
import { endpointStream } from '../../src/domain/streams.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.ts';
import { EndpointDirectory } from '../../src/read-models/directory/endpoint-directory.ts';
import { Vault } from '../../src/secrets/vault.ts';
import type { Caller } from '../../src/commands/caller.ts';
import {
  CreateEndpoint,
  CreateEndpointHandler,
  RotateEndpointSecret,
  RotateEndpointSecretHandler,
  SetEndpointStatus,
  SetEndpointStatusHandler,
  TestEndpoint,
  TestEndpointHandler,
  UpdateEndpoint,
  UpdateEndpointHandler,
} from '../../src/commands/endpoint-commands.ts';
import { CommandExecutor } from '../../src/commands/command-executor.ts';

export const caller: Caller = { organizationId, actor: 'apikey:admin', correlationId: 'r1' };
export const stranger: Caller = { ...caller, organizationId: 'other' as OrganizationId };

export let folder: string;
export let store: SqliteEventStore;
export let directory: EndpointDirectory;
export let executor: CommandExecutor;
export let vault: Vault;

/** A log and a directory for each test, with two organizations. */
export const setUp = (): void => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'endpoint-commands-'));
    store = await SqliteEventStore.open({ directory: folder });
    vault = new Vault(randomBytes(32));
    await store.append(
      [organizationId, stranger.organizationId].map((id) => {
        const event = {
          type: 'organization.registered',
          data: { name: id, encryptionKey: vault.newKey(`organization-${id}`) },
        } as const;
        const events = [{ ...event, id: newId(), metadata: { actor: 'test' } }];
        return { stream: `organization-${id}`, expectedRevision: 'no-stream' as const, events };
      }),
    );
    directory = new EndpointDirectory(store, vault, silent);
    await directory.start();
    executor = new CommandExecutor(store);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await directory.stop();
    await store.close();
    rmSync(folder, { recursive: true });
  });
};

export const shown = async <T extends { position: Position | undefined }>(done: Promise<T>): Promise<T> => {
  const it = await done;
  if (it.position !== undefined && it.position > (directory.progress.position ?? '')) await directory.progress.reached(it.position, 100);
  return it;
};
export const settings: PlainSettings = { ...stored, url: stored.url.shown };
export const typesOf = async (id: EndpointId) => (await store.readStream(`endpoint-${id}`)).map(({ type }) => type);
export const create = async (changed: Partial<PlainSettings> = {}, secret?: string, disabled = false) => {
  const handler = new CreateEndpointHandler(executor, directory);
  const { endpointId } = await shown(handler.execute(new CreateEndpoint(caller, { ...settings, ...changed }, secret, disabled)));
  return endpointId;
};
export const update = (id: EndpointId, changed: PlainSettingsPatch, by = caller) =>
  shown(new UpdateEndpointHandler(executor, directory).execute(new UpdateEndpoint(by, id, changed)));
export const setStatus = (id: EndpointId, change: SetEndpointStatus['change'], by = caller) =>
  shown(new SetEndpointStatusHandler(executor, directory).execute(new SetEndpointStatus(by, id, change)));
export const rotate = (id: EndpointId, secret?: string, graceSeconds = 60, by = caller) =>
  shown(new RotateEndpointSecretHandler(executor, directory).execute(new RotateEndpointSecret(by, id, secret, graceSeconds)));
export const test = (id: EndpointId, eventType?: string, by = caller) =>
  new TestEndpointHandler(executor, directory).execute(new TestEndpoint(by, id, eventType));
export const secretsOf = (id: EndpointId, at = new Date()) => directory.endpoint(id)?.secrets(at);
export const rawLog = () =>
  Buffer.concat(
    readdirSync(folder)
      .filter((file) => file.startsWith('log.db'))
      .map((file) => readFileSync(join(folder, file))),
  );

export const record = async (stream: string, event: DomainEvent) => {
  const { length } = await store.readStream(stream);
  const events = [{ ...event, id: newId(), metadata: { actor: 'test' } }];
  const [done] = await store.append([{ stream, expectedRevision: length - 1, events }]);
  if (done) await directory.progress.reached(done.position, 1000);
};
export const lengthOf = async (id: EndpointId) => (await store.readStream(endpointStream(id))).length;
