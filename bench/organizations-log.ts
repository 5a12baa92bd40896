// Makes the data folder that the benches of many organizations start from: a log as the service would have written it, put together from its deciders
// and written in large batches. A folder that is there already is used again.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newOrganizationKey } from '../src/commands/signing-secrets.ts';
import type { DomainEvent } from '../src/domain/catalog.ts';
import type { Decider } from '../src/domain/decider.ts';
import { delivery } from '../src/domain/delivery.ts';
import { endpoint } from '../src/domain/endpoint.ts';
import { asEndpointId, asOrganizationId, asPosition, noPosition, type EndpointId, type OrganizationId } from '../src/domain/ids.ts';
import { message } from '../src/domain/message.ts';
import { defaultOrganization, organization } from '../src/domain/organization.ts';
import { secretField, signingKeyField } from '../src/domain/secret-fields.ts';
import { deliveryStream, endpointStream, messageStream, organizationStream } from '../src/domain/streams.ts';
import { codec } from '../src/event-store/codec.ts';
import { deliveryIdOf, eventIdOf, messageIdOf } from '../src/event-store/id-generation.ts';
import { openStoredLog } from '../src/event-store/open-log.ts';
import type { EventToStore } from '../src/event-store/stored-log.ts';
import { masterKeyIn } from '../src/secrets/master-key.ts';
import { Vault } from '../src/secrets/vault.ts';
import { harmlessUrl, settings } from '../test/support/samples.ts';
import { secret } from './workload.ts';

export const typesOfEach = 3;
export const endpointsOfEach = 5;
/** Where the endpoints' receiver listens, so that a folder can be used again. */
export const receiverPort = 18_555;
const receiver = `http://127.0.0.1:${receiverPort}`;

export type Size = { readonly organizations: number; readonly messages: number };

export const organizationAt = (n: number) => asOrganizationId(`customer-${String(n).padStart(5, '0')}`);
export const typeAt = (n: number) => `bench.kind-${n % typesOfEach}`;
const endpointAt = (organization: number, n: number) =>
  asEndpointId(`00000000-0000-4000-8000-${String(organization * endpointsOfEach + n).padStart(12, '0')}`);

const began = Date.parse('2026-01-01T12:00:00.000Z');
const mostEvents = 5_000;

/** Makes the folder's log unless it is there. @returns whether it was made */
export const makeOrganizationsLog = async (folder: string, size: Size, say: (line: string) => void): Promise<boolean> => {
  const marker = join(folder, 'bench-is-complete');
  if (existsSync(marker)) return false;
  const log = await openStoredLog({ kind: 'embedded', directory: folder }, { log: { info: say, warn: say }, create: true });
  if (await log.last()) throw new Error(`${folder} holds a log that is not complete; remove it.`);
  const vault = new Vault(masterKeyIn(folder));
  const maker = new OrganizationsLog(vault);
  for (const batch of maker.make(size)) await log.append(batch);
  await log.close();
  writeFileSync(marker, JSON.stringify(size));
  return true;
};

class OrganizationsLog {
  private position = 0;
  private events: EventToStore[] = [];

  constructor(private readonly vault: Vault) {}

  *make({ organizations, messages }: Size): Generator<readonly EventToStore[]> {
    this.organization(defaultOrganization, 'Default');
    for (let n = 0; n < organizations; n++) {
      this.customer(n);
      if (this.events.length >= mostEvents) yield this.take();
    }
    const routedAt = asPosition(String(this.position).padStart(16, '0'));
    for (let n = 0; n < messages; n++) {
      this.message(n, n % organizations, Math.floor(n / organizations) % typesOfEach, routedAt);
      if (this.events.length >= mostEvents) yield this.take();
    }
    yield this.take();
  }

  private take() {
    const { events } = this;
    this.events = [];
    return events;
  }

  private decide<C, E extends DomainEvent, S>(stream: string, { initial, evolve, decide }: Decider<C, E, S>, ...commands: C[]): void {
    let state = initial;
    let revision = 0;
    for (const command of commands)
      for (const event of decide(command, state)) {
        state = evolve(state, event);
        const { id, type, data, metadata } = codec.encode({
          ...event,
          id: eventIdOf('bench', stream, revision),
          metadata: { actor: 'apikey:bench' },
        });
        this.events.push({ id, type, data, metadata, stream, revision });
        this.position += 1;
        revision += 1;
      }
  }

  /** @returns what encrypts for it */
  private organization(id: OrganizationId, name: string) {
    const stream = organizationStream(id);
    const encryptionKey = this.vault.newKey(stream);
    const keyring = this.vault.keyring([encryptionKey], stream);
    this.vault.forget(stream);
    const signingKey = keyring.cipherFor(stream).seal(newOrganizationKey(), signingKeyField);
    const types = Array.from({ length: id === defaultOrganization ? 0 : typesOfEach }, (_, n) => ({
      type: 'DefineEventType' as const,
      name: typeAt(n),
      description: 'A thing of some kind happened to something.',
      sample: { alert_id: 456, severity: 'critical', message: 'CPU usage exceeded 90%' },
    }));
    this.decide(stream, organization, { type: 'CreateOrganization', id, settings: { name }, encryptionKey, signingKey }, ...types);
    return keyring;
  }

  /** Three endpoints take a type each; the others take all that is urgent, which nothing here is. */
  private customer(n: number): void {
    const organizationId = organizationAt(n);
    const keyring = this.organization(organizationId, `Customer ${n}`);
    for (let e = 0; e < endpointsOfEach; e++) {
      const id = endpointAt(n, e);
      const url = harmlessUrl(`${receiver}/ok/${n}/${e}`);
      const subscription = e < typesOfEach ? { eventTypes: [typeAt(e)] } : { filter: { severity: 'urgent', alert_id: { $gt: e } } };
      const own = { ...settings, name: `Endpoint ${e} of ${n}`, url, signature: 'WEBHOOK_SHA256' as const, ...subscription };
      const sealed = keyring.cipherFor(endpointStream(id)).seal(secret, secretField);
      this.decide(endpointStream(id), endpoint, { type: 'Register', organizationId, settings: own, secret: sealed, disabled: false });
    }
  }

  private message(n: number, of: number, type: number, routedAt = noPosition): void {
    const organizationId = organizationAt(of);
    const endpointId: EndpointId = endpointAt(of, type);
    const clientId = `order-${n}`;
    const id = messageIdOf(organizationId, clientId);
    const now = new Date(began + n * 100);
    const data = { alert_id: n, severity: 'critical', message: 'CPU usage exceeded 90% for five minutes', tags: ['cpu', 'production'] };
    const routing = { destinations: [{ endpointId }], skipped: [], routedAt };
    this.decide(messageStream(id), message, {
      type: 'AcceptMessage',
      organizationId,
      clientId,
      messageType: typeAt(type),
      data,
      now,
      ...routing,
    });
    const record = {
      attempt: 1,
      startedAt: now.toISOString(),
      durationMs: 12.5,
      url: `${receiver}/ok/${of}/${type}`,
      endpointRevision: 0,
      bodySha256: 'ab'.repeat(32),
      requestHeaders: { 'user-agent': 'Hookledger/0.1.0', 'content-type': 'application/json', 'webhook-attempt': '1' },
      responseCode: 200,
      responseHeaders: { 'content-length': '2' },
      responseBody: 'ok',
    };
    const subject = { organizationId, messageId: id, endpointId };
    this.decide(deliveryStream(deliveryIdOf(id, endpointId)), delivery, { type: 'RecordSuccess', record, subject });
  }
}
