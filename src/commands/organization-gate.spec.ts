// What an organization may publish: at which rate, and while how many of its deliveries wait.
import { describe, expect, it, vi } from 'vitest';
import { asOrganizationId } from '../domain/ids.ts';
import type { OrganizationLimits } from '../domain/organization-events.ts';
import { OrganizationGate } from './organization-gate.ts';
import { PublishRefused } from './publish-refused.ts';

const acme = asOrganizationId('acme');
type Directory = ConstructorParameters<typeof OrganizationGate>[0];

const given = (own: OrganizationLimits, defaults: OrganizationLimits = {}) => {
  let now = 0;
  const organizations = { limitsOf: () => own, leastLimit: (name: keyof OrganizationLimits) => own[name] ?? undefined };
  const directory = { requireActive: () => undefined, organizations } as unknown as Directory; // all that it asks
  const gate = new OrganizationGate(directory, defaults, () => now);
  const refusal = (messages = 1) => {
    try {
      gate.admit(acme, messages);
      return undefined;
    } catch (error) {
      return error instanceof PublishRefused ? error : expect.fail(String(error));
    }
  };
  return { gate, refusal, pass: (ms: number) => (now += ms) };
};

describe('the gate of an organization', () => {
  it('is open where nothing is limited', () => expect(given({}).refusal(1_000)).toBeUndefined());

  it('lets in as many messages a second as it may, whatever their requests are', () => {
    const { refusal, pass } = given({ messagesPerSecond: 10 });
    let taken = 0;
    for (let ms = 0; ms < 60_000; ms += 100) {
      if (!refusal(7)) taken += 7;
      pass(100);
    }
    expect(taken).toBeGreaterThan(600 - 7);
    expect(taken).toBeLessThan(600 + 10 + 7);
  });

  it('says when to come back, and is open then', () => {
    const { refusal, pass } = given({ messagesPerSecond: 2 });
    expect(refusal(9)).toBeUndefined();
    const { code, retryAfterSeconds = 0 } = refusal() ?? {};
    expect([code, retryAfterSeconds]).toEqual(['TOO_MANY_REQUESTS', 4]);
    pass(retryAfterSeconds * 1_000);
    expect(refusal()).toBeUndefined();
  });

  it("goes by its own limit, else by the installation's", () => {
    const defaults = { messagesPerSecond: 1 };
    const [own, general] = [given({ messagesPerSecond: 100 }, defaults), given({}, defaults)];
    for (const each of [own, general]) each.refusal(5);
    expect([own.refusal(), general.refusal()?.message]).toEqual([
      undefined,
      'The organization may publish 1 messages a second; slow down.',
    ]);
  });

  it('opens as many portal sessions within an hour as it may', () => {
    const { gate, pass } = given({ portalSessionsPerHour: 2 });
    const open = () => gate.admitPortalSession(acme);
    for (let n = 0; n < 2; n++) open();
    expect(open).toThrow(expect.objectContaining({ code: 'TOO_MANY_REQUESTS', retryAfterSeconds: 1_800 }));
    pass(1_800_000);
    expect(open).not.toThrow();
    expect(open).toThrow(PublishRefused);
  });

  it('counts what it refuses', () => {
    const { gate, refusal } = given({ messagesPerSecond: 1 });
    const refused: number[] = [];
    gate.onRefused = (_, messages) => refused.push(messages);
    for (const each of [1, 3, 4]) refusal(each);
    expect(refused).toEqual([3, 4]);
  });

  it('is closed while as many deliveries wait as may, as they were last counted', async () => {
    vi.useFakeTimers();
    try {
      const { gate, refusal } = given({ waitingDeliveries: 5 });
      let waiting = [{ id: acme, waiting: 5 }];
      using _ = gate.watchWaiting((least) => Promise.resolve(waiting.filter((each) => each.waiting >= least)));
      expect(refusal()).toBeUndefined();
      await vi.advanceTimersByTimeAsync(1_100);
      expect(refusal()).toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 5 });
      waiting = [];
      await vi.advanceTimersByTimeAsync(1_100);
      expect(refusal()).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });
});
