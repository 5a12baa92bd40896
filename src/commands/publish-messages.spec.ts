import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { organizationId, registered } from '../../test/support/samples.ts';
import { silent } from '../../test/support/silent.ts';
import type { OrganizationId } from '../domain/ids.ts';
import { messageIdOf, newId } from '../event-store/id-generation.ts';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { Vault } from '../secrets/vault.ts';
import { CommandExecutor } from './command-executor.ts';
import { IntakeQueue } from './intake-queue.ts';
import { messageInput, PublishMessages, PublishMessagesHandler, type MessageInput } from './publish-messages.ts';

describe('publishing messages', () => {
  let folder: string;
  let store: SqliteEventStore;
  let directory: EndpointDirectory;
  let handler: PublishMessagesHandler;

  const subscribe = async (id: string, eventTypes: string[]) => {
    const event = { ...registered({ eventTypes }), id: newId(), metadata: { actor: 'test' } };
    const [done] = await store.append([{ stream: `endpoint-${id}`, expectedRevision: 'no-stream', events: [event] }]);
    if (done) await directory.progress.reached(done.position, 5000);
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'publish-'));
    store = await SqliteEventStore.open({ directory: folder });
    const vault = new Vault(randomBytes(32));
    for (const id of [organizationId, 'other']) {
      const stream = `organization-${id}`;
      const event = { type: 'organization.registered', data: { name: 'O', encryptionKey: vault.newKey(stream) } } as const;
      await store.append([{ stream, expectedRevision: 'no-stream', events: [{ ...event, id: newId(), metadata: { actor: 'test' } }] }]);
    }
    directory = new EndpointDirectory(store, vault, silent);
    await directory.start();
    await subscribe('e1', ['alert.*']);
    handler = new PublishMessagesHandler(new CommandExecutor(store), directory, new IntakeQueue());
  });
  afterEach(async () => {
    await directory.stop();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const publish = (messages: readonly MessageInput[], to: OrganizationId = organizationId) =>
    handler.execute(new PublishMessages({ organizationId: to, actor: 'apikey:ci', correlationId: 'r1' }, messages));
  const alert = (id?: string, data: MessageInput['data'] = { severity: 'critical' }): MessageInput => ({
    type: 'alert.created',
    data,
    ...(id === undefined ? {} : { id }),
  });
  const stored = async (id: string) => (await store.readStream(`message-${messageIdOf(organizationId, id)}`)).length;

  it('tells the log which messages nobody else can have written', async () => {
    const append = vi.spyOn(store, 'append');
    await publish([alert('a'), alert()]);
    expect(append.mock.calls[0]?.[0].map(({ isNew }) => isNew)).toEqual([undefined, true]);
  });

  it('answers when all are in the log, in the order sent, with where each goes', async () => {
    const published = await publish([alert('a'), { type: 'meeting.ended', data: {} }]);
    expect(published).toMatchObject([
      { id: messageIdOf(organizationId, 'a'), duplicate: false, destinations: 1 },
      { duplicate: false, destinations: 0 },
    ]);
    const [event] = await store.readStream(`message-${published[0]?.id}`);
    expect(event).toMatchObject({
      position: published[0]?.position,
      metadata: { actor: 'apikey:ci', correlationId: 'r1' },
      data: { clientId: 'a', type: 'alert.created', destinations: [{ endpointId: 'e1' }], routedAt: directory.progress.position },
    });
  });

  it('gives each message without an id one of its own', async () => {
    const [first, second] = await publish([alert(), alert()]);
    expect(first?.id).not.toBe(second?.id);
    expect(second?.duplicate).toBe(false);
  });

  it('takes what comes twice in one request once', async () => {
    const [first, second] = await publish([alert('a'), alert('a')]);
    expect(first).toMatchObject({ duplicate: false, destinations: 1 });
    expect(second).toEqual({ ...first, duplicate: true });
    expect(await stored('a')).toBe(1);
  });

  it('answers a duplicate of an earlier request with the first one’s destinations', async () => {
    const [first] = await publish([alert('a')]);
    await subscribe('e2', ['*']);
    const [other, again] = await publish([alert('b'), alert('a')]);
    expect(other).toMatchObject({ duplicate: false, destinations: 2 });
    expect(again).toEqual({ ...first, duplicate: true });
  });

  it('takes the same id in another organization for another message', async () => {
    const [first] = await publish([alert('a')]);
    const [other] = await publish([alert('a')], 'other' as OrganizationId);
    expect(other).toMatchObject({ duplicate: false, destinations: 0 });
    expect(other?.id).not.toBe(first?.id);
  });

  it('refuses the whole request, and stores nothing of it, when an id was used for other content', async () => {
    await publish([alert('a')]);
    const tip = await store.tip();
    await expect(publish([alert('b'), alert('a', { severity: 'info' }), alert('c')])).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(publish([alert('d'), alert('d', { severity: 'info' })])).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await store.tip()).toBe(tip);
  });

  it('takes one of two that come at once', async () => {
    const both = await Promise.all([publish([alert('a')]), publish([alert('a')])]);
    expect(both.flat().filter(({ duplicate }) => duplicate)).toHaveLength(1);
    expect(await stored('a')).toBe(1);
  });
});

describe('a message in a request', () => {
  const base = { type: 'alert.created', data: {} };
  it.each([
    base,
    { ...base, id: 'x'.repeat(256) },
    { ...base, timestamp: '2026-01-15T10:30:00+01:00' },
    { ...base, type: 'a-b_C.1' },
    { ...base, orderingKey: '😀'.repeat(64) },
  ])('can be %j', (input) => expect(messageInput.parse(input)).toEqual(input));
  it.each<[object, string]>([
    [{ ...base, type: 'a..b' }, 'type'],
    [{ ...base, type: '' }, 'type'],
    [{ ...base, type: 'a b' }, 'type'],
    [{ ...base, type: 'a'.repeat(129) }, 'type'],
    [{ type: 'a' }, 'data'],
    [{ ...base, data: [] }, 'data'],
    [{ ...base, id: '' }, 'id'],
    [{ ...base, id: 'x'.repeat(257) }, 'id'],
    [{ ...base, id: 1 }, 'id'],
    [{ ...base, timestamp: '2026-01-15T10:30:00' }, 'timestamp'],
    [{ ...base, timestamp: 'today' }, 'timestamp'],
    [{ ...base, orderingKey: '' }, 'orderingKey'],
    [{ ...base, orderingKey: 'x'.repeat(129) }, 'orderingKey'],
    [{ ...base, orderingKey: 7 }, 'orderingKey'],
    [{ ...base, orderingKey: 'a\0' }, 'orderingKey'],
    [{ ...base, orderingKey: '\ud800' }, 'orderingKey'],
  ])('can not be %j', (input, path) => expect(messageInput.safeParse(input).error?.issues[0]?.path).toEqual([path]));
  it('names a field that it does not know', () =>
    expect(messageInput.safeParse({ ...base, extra: 1 }).error?.issues[0]).toMatchObject({ code: 'unrecognized_keys', keys: ['extra'] }));
});
