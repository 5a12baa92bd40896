// The commands on endpoints: what they change, show and refuse.
import { describe, expect, it } from 'vitest';
import { harmlessUrl, organizationId, settings as stored } from '../../test/support/samples.ts';
import { mask } from '../domain/header-masking.ts';
import { endpointId, type EndpointId } from '../domain/ids.ts';
import { newId } from '../event-store/id-generation.ts';
import { DefineEventType, DefineEventTypeHandler, RetireEventType, RetireEventTypeHandler } from './organization-commands.ts';
import {
  caller,
  stranger,
  store,
  directory,
  executor,
  setUp,
  shown,
  typesOf,
  create,
  update,
  setStatus,
  rotate,
  test,
  secretsOf,
  rawLog,
} from '../../test/support/given-endpoints.ts';

describe('the commands on endpoints', () => {
  setUp();

  describe('given back as they were shown', () => {
    const url = 'https://receiver.example/services/T/B/hush?team=ops';
    const shownUrl = `https://receiver.example/services/${mask}/${mask}/${mask}?team=ops`;
    const headers = [
      { name: 'X-Odd', value: 'one' },
      { name: 'X-Team', value: 'two' },
    ];

    it('creates no endpoint whose template holds a mask, as a copy of another one may', async () => {
      const masked = { format: 'TEMPLATE', formatOptions: { template: `{"token": "${mask}"}` } } as const;
      await expect(create(masked)).rejects.toThrow(/write \$constants with its name/);
    });
    it('a masked URL and masked header values stay', async () => {
      const id = await create({ url, headers });
      await update(id, { name: 'Renamed', url: shownUrl, headers: [{ name: 'x-team', value: null }] });
      expect(directory.endpoint(id)).toMatchObject({ url, shownUrl, headers: [{ name: 'x-team', value: 'two' }] });
      await expect(update(id, { url: shownUrl.replace('ops', 'dev') })).rejects.toMatchObject({ issues: [{ path: 'url' }] });
      await expect(update(id, { headers: [{ name: 'X-Other', value: null }] })).rejects.toMatchObject({
        issues: [{ path: 'headers.0.value' }],
      });
      expect(await typesOf(id)).toEqual(['endpoint.registered', 'endpoint.renamed', 'endpoint.headers-changed']);
    });

    it('a URL that an older version stored readable is not set again to be the same', async () => {
      const id = endpointId.parse(newId());
      const data = { ...stored, url: harmlessUrl(url), organizationId, secret: null, disabled: false };
      const events = [{ type: 'endpoint.registered', data, id: newId(), metadata: { actor: 'test' } }] as const;
      await shown(
        store.append([{ stream: `endpoint-${id}`, expectedRevision: 'no-stream', events }]).then(([at]) => ({ position: at?.position })),
      );
      expect(directory.endpoint(id)).toMatchObject({ url, shownUrl });
      await update(id, { url });
      await update(id, { url: shownUrl });
      expect(await typesOf(id)).toEqual(['endpoint.registered']);
    });
  });

  it('never let a secret, the value of a header or the secret part of a URL into the log', async () => {
    const url = 'https://find.me.example/services/hush-T/hush-B/hush-x?token=hush-five';
    const id = await create({ url, headers: [{ name: 'Authorization', value: 'Token hush-one' }] }, 'hush-two');
    await update(id, { headers: [{ name: 'Authorization', value: 'Token hush-three' }] });
    await rotate(id, 'hush-four');
    expect(directory.endpoint(id)?.headers).toEqual([{ name: 'Authorization', value: 'Token hush-three' }]);
    expect(secretsOf(id)).toEqual(['hush-four', 'hush-two']);
    expect(directory.endpoint(id)?.url).toBe(url);
    await update(id, { url: `${url}-six` });
    expect(directory.endpoint(id)?.url).toBe(`${url}-six`);
    const raw = rawLog();
    expect(raw.includes('find.me.example')).toBe(true);
    expect(raw.includes('hush')).toBe(false);
  });

  it('change nothing when the same headers or the same secret are set again', async () => {
    const headers = [{ name: 'Authorization', value: 'Token x' }];
    const id = await create({ headers }, 's');
    const tip = await store.tip();
    await update(id, { headers });
    await rotate(id, 's');
    expect(await store.tip()).toBe(tip);
  });

  it('rotate a secret, and let the previous one go on for the time of grace', async () => {
    const id = await create({ signature: 'WEBHOOK_SHA256' }, 'old');
    await rotate(id, undefined, 60);
    const [made, ...rest] = secretsOf(id) ?? [];
    expect(made).toMatch(/^[\w-]{43}$/);
    expect(rest).toEqual(['old']);
    expect(secretsOf(id, new Date(Date.now() + 61_000))).toEqual([made]);
  });

  it('pause, resume, disable, enable and delete', async () => {
    const id = await create({}, undefined, true);
    const status = () => directory.endpoint(id)?.configuration.status;
    expect(status()).toBe('DISABLED');
    for (const [type, expected] of [
      ['Enable', 'ENABLED'],
      ['Pause', 'PAUSED'],
      ['Resume', 'ENABLED'],
      ['Delete', undefined],
    ] as const) {
      await setStatus(id, { type });
      expect(status()).toBe(expected);
    }
    await expect(update(id, { name: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('find no endpoint of another organization', async () => {
    const id = await create({}, 's');
    const tip = await store.tip();
    for (const attempt of [
      () => update(id, { name: 'mine' }, stranger),
      () => setStatus(id, { type: 'Delete' }, stranger),
      () => rotate(id, 'mine', 0, stranger),
      () => test(id, undefined, stranger),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining(`no endpoint "${id}"`) });
    expect(await store.tip()).toBe(tip);
  });

  describe('and a test', () => {
    const define = async (name: string, group: string, sample: { [key: string]: string } | null = null) =>
      shown(
        new DefineEventTypeHandler(executor).execute(
          new DefineEventType(caller, { name, group, description: null, sample, audience: 'PUBLIC', shared: false }),
        ),
      );
    const testMessage = async (id: EndpointId, eventType?: string) => {
      const { position } = await test(id, eventType);
      for await (const batch of store.follow(undefined, { signal: AbortSignal.timeout(5000) })) {
        const event = batch.find((each) => each.position === position);
        if (event?.type === 'message.accepted') return event.data;
      }
      throw new Error('no message');
    };

    it('sends the sample of the type that is asked for, to this endpoint alone, whatever its status', async () => {
      await define('alert.created', 'alerts', { severity: 'critical' });
      const id = await create({ eventTypes: ['meeting.ended'] }, undefined, true);
      await create();
      expect(await testMessage(id, 'alert.created')).toMatchObject({
        type: 'alert.created',
        data: { severity: 'critical' },
        destinations: [{ endpointId: id }],
        test: true,
      });
    });
    it('picks a type that the endpoint subscribes to by name', async () => {
      const id = await create({ eventTypes: ['alerts', 'x.*', 'meeting.ended'] });
      expect(await testMessage(id)).toMatchObject({ type: 'meeting.ended', data: { message: 'This is a test delivery.' } });
    });
    it('else one that is defined, not retired, and subscribed to', async () => {
      await define('alert.old', 'alerts');
      await define('meeting.ended', 'meetings');
      await define('alert.created', 'alerts', { a: 'b' });
      await shown(new RetireEventTypeHandler(executor, directory).execute(new RetireEventType(caller, 'alert.old')));
      expect(await testMessage(await create({ eventTypes: ['alerts'] }))).toMatchObject({ type: 'alert.created', data: { a: 'b' } });
    });
    it('else a type of its own', async () =>
      expect(await testMessage(await create({ eventTypes: ['alerts'] }))).toMatchObject({ type: 'endpoint.test' }));
  });
});
