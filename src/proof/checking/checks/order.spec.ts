import { describe, expect, it } from 'vitest';
import { accepted, organizationId, record, recorded } from '../../../../test/support/samples.ts';
import type { DomainEvent } from '../../../domain/catalog.ts';
import type { EndpointId, MessageId } from '../../../domain/ids.ts';
import { deliveryIdOf } from '../../../event-store/id-generation.ts';
import { Findings } from '../findings.ts';
import { OrderCheck } from './order.ts';

const endpointId = 'e1' as EndpointId;
const of = (message: string) => ({ organizationId, messageId: message as MessageId, endpointId });
const streamOf = (message: string) => `delivery-${deliveryIdOf(message as MessageId, endpointId)}`;
const accept = (message: string, orderingKey = 'k') =>
  [accepted([{ endpointId, ordering: 'PER_KEY' }], { orderingKey }), `message-${message}`] as const;
const succeed = (message: string) =>
  [{ type: 'delivery.attempt-succeeded', data: { ...of(message), ...record(1) } }, streamOf(message)] as const;
const failure = { failure: 'HTTP_STATUS', error: 'x', failuresInSeries: 1 } as const;
const fail = (message: string) =>
  [{ type: 'delivery.attempt-failed', data: { ...of(message), ...record(1), ...failure } }, streamOf(message)] as const;
const exhaust = (message: string, holdsKey?: true) =>
  [
    { type: 'delivery.exhausted', data: { ...of(message), attempts: 1, at: 'x', ...(holdsKey && { holdsKey }) } },
    streamOf(message),
  ] as const;
const cancel = (message: string) =>
  [{ type: 'delivery.cancelled', data: { ...of(message), at: 'x', reason: 'x' } }, streamOf(message)] as const;
const close = (...messages: string[]) =>
  [{ type: 'batch.closed', data: { organizationId, endpointId, number: 1, messages: messages as MessageId[] } }, 'batch-b1'] as const;
const batchSucceeds = [
  { type: 'batch.attempt-succeeded', data: { organizationId, endpointId, size: 2, ...record(1) } },
  'batch-b1',
] as const;

/** The position of the first event that is wrong. */
const firstWrong = (...events: readonly (readonly [DomainEvent, string])[]): number | undefined => {
  const findings = new Findings();
  const check = new OrderCheck(findings);
  for (const [i, [event, stream]] of events.entries()) check.check(recorded(event, { stream, position: i + 1 }));
  const { first } = findings.results().states;
  return first && Number(first.position);
};

describe('the check of the order of keys', () => {
  it('finds nothing wrong in deliveries that went one after the other, and in other keys between them', () =>
    expect(
      firstWrong(accept('m1'), accept('m2'), accept('m3', 'other'), succeed('m3'), fail('m1'), succeed('m1'), succeed('m2')),
    ).toBeUndefined());
  it('names an attempt before the one before it has ended', () =>
    expect(firstWrong(accept('m1'), accept('m2'), fail('m1'), succeed('m2'))).toBe(4));
  it('lets the next one go when one is out of attempts, unless that holds its key until it is cancelled', () => {
    const begin = [accept('m1'), accept('m2'), fail('m1')] as const;
    expect(firstWrong(...begin, exhaust('m1'), succeed('m2'))).toBeUndefined();
    expect(firstWrong(...begin, exhaust('m1', true), succeed('m2'))).toBe(5);
    expect(firstWrong(...begin, exhaust('m1', true), cancel('m1'), succeed('m2'))).toBeUndefined();
  });
  it('leaves alone what was sent again after its turn', () =>
    expect(firstWrong(accept('m1'), accept('m2'), succeed('m1'), fail('m1'), succeed('m2'))).toBeUndefined());
  it('knows that a batch holds its keys, and takes their first deliveries in order', () => {
    const begin = [accept('m1'), accept('m2'), accept('m3')] as const;
    expect(firstWrong(...begin, close('m1', 'm2'), batchSucceeds, succeed('m3'))).toBeUndefined();
    expect(firstWrong(...begin, close('m1', 'm2'), succeed('m3'))).toBe(5);
    expect(firstWrong(...begin, close('m2', 'm3'))).toBe(4);
    expect(firstWrong(...begin, close('m2', 'm1'))).toBe(4);
  });
  it('knows that what is in a batch ends its turn with the batch, and not by itself', () => {
    const begin = [accept('m1'), accept('m2'), close('m1')] as const;
    expect(firstWrong(...begin, cancel('m1'), batchSucceeds, succeed('m2'))).toBeUndefined();
    expect(firstWrong(...begin, cancel('m1'), succeed('m2'))).toBe(5);
    expect(firstWrong(...begin, succeed('m1'), fail('m2'))).toBe(5);
    expect(firstWrong(accept('m1'), accept('m2'), cancel('m1'), close('m1', 'm2'), batchSucceeds)).toBeUndefined();
  });
  it('lets one that waits be cancelled in a batch of its own, and not sent in it', () => {
    const cancelled = [
      { type: 'batch.cancelled', data: { organizationId, endpointId, size: 1, at: 'x', reason: 'x' } },
      'batch-b1',
    ] as const;
    const begin = [accept('m1'), accept('m2'), accept('m3'), close('m2')] as const;
    expect(firstWrong(...begin, cancelled, succeed('m1'), succeed('m3'))).toBeUndefined();
    expect(firstWrong(...begin, cancelled, succeed('m3'))).toBe(6);
    expect(firstWrong(...begin, batchSucceeds)).toBe(5);
  });
  it('counts what older logs have in two batches with the later one', () => {
    const again = [{ ...close('m1', 'm2')[0] }, 'batch-b2'] as const;
    expect(firstWrong(accept('m1'), accept('m2'), accept('m3'), close('m1', 'm2'), again, batchSucceeds, succeed('m3'))).toBe(7);
  });
  it('forgets the keys of an endpoint that was deleted', () =>
    expect(firstWrong(accept('m1'), accept('m2'), [{ type: 'endpoint.deleted', data: {} }, 'endpoint-e1'], succeed('m2'))).toBeUndefined());
});
