import { describe, expect, it } from 'vitest';
import type { DeliveryId, EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import { LiveDeliveries, SubscriberTooSlow, type DeliveryChange } from './live-deliveries.ts';

const change = (deliveryId: string, endpointId = 'e'): DeliveryChange => ({
  deliveryId: deliveryId as DeliveryId,
  endpointId: endpointId as EndpointId,
  messageId: 'm' as MessageId,
  organizationId: 'o' as OrganizationId,
});
const all = () => true;
const noBatches = async () => [];

describe('live deliveries', () => {
  it('tell every subscriber what it wants, from its subscription on', async () => {
    const live = new LiveDeliveries(noBatches);
    live.publish([change('before')]);
    const [every, some] = [live.subscribe(all), live.subscribe(({ endpointId }) => endpointId === 'x')];
    live.publish([change('a'), change('b', 'x')]);
    expect((await every.next()).value).toEqual(change('a'));
    expect((await every.next()).value).toEqual(change('b', 'x'));
    expect((await some.next()).value).toEqual(change('b', 'x'));
  });

  it('wake a subscriber that waits', async () => {
    const live = new LiveDeliveries(noBatches);
    const next = live.subscribe(all).next();
    live.publish([change('a')]);
    expect((await next).value).toEqual(change('a'));
  });

  it('tell a change that comes again before it was taken once', async () => {
    const live = new LiveDeliveries(noBatches, 2);
    const changes = live.subscribe(all);
    for (let i = 0; i < 10; i++) live.publish([change('a'), change('b')]);
    expect([(await changes.next()).value, (await changes.next()).value]).toEqual([change('a'), change('b')]);
    await changes.return?.();
    expect(await changes.next()).toEqual({ done: true, value: undefined });
  });

  it('cut off a subscriber that is too slow, and keep nothing for it', async () => {
    const live = new LiveDeliveries(noBatches, 2);
    const slow = live.subscribe(all);
    live.publish([change('a'), change('b'), change('c')]);
    expect(live.subscriberCount).toBe(0);
    await expect(slow.next()).rejects.toThrow(SubscriberTooSlow);
    await slow.return?.();
    expect(await slow.next()).toEqual({ done: true, value: undefined }); // or who tells it would be told again, for ever
  });

  it('end a subscriber that waits when it is returned, and forget it', async () => {
    const live = new LiveDeliveries(noBatches);
    const changes = live.subscribe(all);
    const next = changes.next();
    await changes.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(live.subscriberCount).toBe(0);
  });
});
