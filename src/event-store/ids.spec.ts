import fc from 'fast-check';
import { v5 } from 'uuid';
import { expect, it } from 'vitest';
import type { EndpointId, MessageId } from '../domain/ids.ts';
import { deliveryIdOf } from './ids.ts';

it('makes the same UUIDs as the reference library', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.uuid(), (message, endpoint) => {
      const expected = v5(`${message}/${endpoint}`, 'c1f4a0de-2f63-4c5e-8a58-9f0f3b0a1d42');
      expect(deliveryIdOf(message as MessageId, endpoint as EndpointId)).toBe(expected);
    }),
  );
});
