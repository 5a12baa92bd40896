import * as fc from 'fast-check';
import { v5, validate, version } from 'uuid';
import { expect, it } from 'vitest';
import type { EndpointId, OrganizationId } from '../domain/ids.ts';
import { deliveryIdOf, messageIdOf, newMessageId } from './id-generation.ts';

it('makes the same UUIDs as the reference library', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.uuid(), (clientId, organization) => {
      const expected = v5(`${organization}/${clientId}`, '5d8f2bb1-6a4f-4d3b-9d0c-3f8f0a6b7e21');
      expect(messageIdOf(organization as OrganizationId, clientId)).toBe(expected);
    }),
  );
});

it('gives a delivery the time of its message and a hash of both', () => {
  const message = newMessageId();
  const [one, other] = ['a', 'b'].map((endpoint) => deliveryIdOf(message, endpoint as EndpointId));
  expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(one?.slice(0, 13)).toBe(message.slice(0, 13));
  expect(one).not.toBe(other);
  expect(one).toBe(deliveryIdOf(message, 'a' as EndpointId));
  expect(one).not.toBe(deliveryIdOf(newMessageId(), 'a' as EndpointId));
});

it('makes message ids that begin with their time', () => {
  const before = Date.now();
  const id = newMessageId();
  expect(version(id)).toBe(7);
  expect(validate(id)).toBe(true);
  const time = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  expect(time).toBeGreaterThanOrEqual(before);
  expect(time).toBeLessThanOrEqual(Date.now());
  expect(newMessageId()).not.toBe(id);
});
