// Generates ids. Most are deterministic: the same cause always gets the same id, so repeated work is written once.
import { hash, randomUUID } from 'node:crypto';
import { asApiKeyId, asBatchId, asDeliveryId, asMessageId, type EndpointId, type MessageId, type OrganizationId } from '../domain/ids.ts';

/** Room for most names. Three ids are hashed per delivery, and this saves each a buffer. */
const roomForNames = 1024;
const namespace = (uuid: string) => Buffer.concat([Buffer.from(uuid.replaceAll('-', ''), 'hex'), Buffer.alloc(roomForNames)]);
const messages = namespace('5d8f2bb1-6a4f-4d3b-9d0c-3f8f0a6b7e21');
const deliveries = namespace('c1f4a0de-2f63-4c5e-8a58-9f0f3b0a1d42');
const batches = namespace('f3a0c8d2-5b1e-4c79-8f6a-2d9e7b40c153');
const apiKeys = namespace('6c1f9d42-0e7b-4a35-b1d8-94f2c7e5a083');
const disclosures = namespace('8e51c2d7-3f60-4b1a-9c84-7a2de90b5f16');
const events = namespace('0b9a1c57-7e0d-4e6a-b6f3-64d1c2e8fa63');

const bytesOf = (name: string, within: Buffer): Buffer => {
  // A character of a string takes at most three bytes in UTF-8.
  if (name.length * 3 > roomForNames) return Buffer.concat([within.subarray(0, 16), Buffer.from(name)]);
  return within.subarray(0, 16 + within.write(name, 16));
};

/** UUID version 5 (RFC 9562, section 5.5), several times as fast as the `uuid` package. */
const v5 = (name: string, within: Buffer): string => {
  const hex = hash('sha1', bytesOf(name, within), 'hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

/** A publisher's message id is unique within its organization. */
export const messageIdOf = (organization: OrganizationId, clientId: string) => asMessageId(v5(`${organization}/${clientId}`, messages));

/**
 * UUID version 8: begins like the message id, followed by a hash of both ids. Deliveries of the same time are thus neighbours in every index;
 * random ids would each change another page of it.
 */
export const deliveryIdOf = (message: MessageId, endpoint: EndpointId) => {
  const hashed = v5(`${message}/${endpoint}`, deliveries);
  return asDeliveryId(`${message.slice(0, 14)}8${hashed.slice(15)}`);
};

/** Of a key that was generated here, by the hash of the key: a replica that is given the key can find its stream. */
export const apiKeyIdOf = (hash: string) => asApiKeyId(v5(hash, apiKeys));

/** The id of an endpoint's nth batch. Another process that closes the nth batch too finds it closed. */
export const batchIdOf = (endpoint: EndpointId, number: number) => asBatchId(v5(`${endpoint}/${number}`, batches));

/** Of who was shown what in which hour. */
export const disclosureIdOf = (parts: readonly string[]) => v5(JSON.stringify(parts), disclosures);

/** For a message that its publisher gave no id: UUID version 7, which begins with the time. Milliseconds sort well enough for an index. */
export const newMessageId = () => {
  const time = Date.now().toString(16).padStart(12, '0');
  return asMessageId(`${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`);
};

/** The id of the event that a command writes at a revision of a stream. */
export const eventIdOf = (commandId: string, stream: string, revision: number) => v5(`${commandId}/${stream}/${revision}`, events);

/** A random id. */
export const newId = (): string => randomUUID();
