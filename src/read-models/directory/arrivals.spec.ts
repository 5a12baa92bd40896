// What another replica has just made: waited for, where the log has it, and not where nobody made it.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { silent } from '../../../test/support/silent.ts';
import type { DomainEvent } from '../../domain/catalog.ts';
import { asOrganizationId } from '../../domain/ids.ts';
import { apiKeyIdOf } from '../../event-store/id-generation.ts';
import { Vault } from '../../secrets/vault.ts';
import { Arrivals } from './arrivals.ts';
import { EndpointDirectory } from './endpoint-directory.ts';

const [home, acme] = [asOrganizationId('default'), asOrganizationId('acme')];
const vault = new Vault(randomBytes(32));
let store: MemoryEventStore;
let directory: EndpointDirectory;
/** What this replica follows the log by: nothing comes before `arrive`. */
let arrive: () => void;
let reads: string[];
let arrivals: Arrivals;

const registered = (id: string): DomainEvent => ({
  type: 'organization.registered',
  data: { name: id, encryptionKey: vault.newKey(`organization-${id}`) },
});

beforeEach(async () => {
  store = new MemoryEventStore();
  store.record({ stream: `organization-${home}`, event: registered(home) });
  const { promise, resolve } = Promise.withResolvers<void>();
  arrive = resolve;
  reads = [];
  const late: Pick<MemoryEventStore, 'followConfiguration'> = {
    async *followConfiguration(after, options) {
      for await (const batch of store.followConfiguration(after, options)) {
        if (batch.some(({ stream }) => stream !== `organization-${home}`)) await promise;
        yield batch;
      }
    },
  };
  directory = new EndpointDirectory(late, vault, silent);
  await directory.start();
  const readStream: MemoryEventStore['readStream'] = (stream, range) => {
    reads.push(stream);
    return store.readStream(stream, range);
  };
  arrivals = new Arrivals({ readStream }, directory);
});
afterEach(() => {
  arrive();
  return directory.stop();
});

it('an organization that is known costs no read, and one that nobody made one', async () => {
  expect([await arrivals.organization(home), await arrivals.organization(acme)]).toEqual([true, false]);
  expect(reads).toEqual(['organization-acme']);
});

it('an organization that the log has is waited for', async () => {
  store.record({ stream: 'organization-acme', event: registered('acme') });
  const found = arrivals.organization(acme);
  expect(arrivals.isKnown(acme)).toBe(false);
  arrive();
  expect(await found).toBe(true);
  expect(arrivals.isKnown(acme)).toBe(true);
});

it('a key is found in the log by its hash; of those that nobody issued, four are looked for at once', async () => {
  const hash = 'ab'.repeat(32);
  const issued: DomainEvent = { type: 'apikey.issued', data: { organizationId: home, name: 'new', role: 'ADMIN', hash } };
  store.record({ stream: `apikey-${apiKeyIdOf(hash)}`, event: issued });
  const found = arrivals.apiKey(hash);
  const others = await Promise.all(['1', '2', '3', '4', '5'].map((other) => arrivals.apiKey(other)));
  expect(others).toEqual([false, false, false, false, false]);
  expect(reads).toHaveLength(4);
  arrive();
  expect(await found).toBe(true);
});
