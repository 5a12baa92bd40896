import { describe, it } from 'vitest';
import { given } from './given.ts';
import type { Position } from './ids.ts';
import { sealing, type SealingKey, type Seal } from './sealing.ts';

const key: SealingKey = { publicKey: 'whpk_x', encryptionKey: 'v1.x', privateKey: 'v1.y' };
const keyCreated = { type: 'ledger.key-created', data: key } as const;
const seal = (number: number): Seal => ({
  number,
  position: '0000000000000012' as Position,
  last: { stream: 'message-1', revision: 0 },
  count: 1,
  total: number,
  root: 'ab',
  marks: 'q83vASNF',
  previous: number === 1 ? null : 'cd',
  publicKey: 'whpk_x',
  signature: 'c2ln',
});
const sealed = (number: number) => ({ type: 'ledger.sealed', data: seal(number) }) as const;

describe('the ledger', () => {
  it('has one key, made once', () => {
    given(sealing)()
      .when({ type: 'CreateKey', ...key })
      .then(keyCreated);
    given(sealing)(keyCreated)
      .when({ type: 'CreateKey', ...key, publicKey: 'whpk_other' })
      .thenNothing();
  });

  it('is sealed in the order of the numbers', () => {
    given(sealing)(keyCreated)
      .when({ type: 'Seal', seal: seal(1) })
      .then(sealed(1));
    given(sealing)(keyCreated, sealed(1))
      .when({ type: 'Seal', seal: seal(2) })
      .then(sealed(2));
  });

  it('takes no number twice, and leaves none out', () => {
    given(sealing)(keyCreated, sealed(1))
      .when({ type: 'Seal', seal: seal(1) })
      .thenNothing();
    given(sealing)(keyCreated, sealed(1))
      .when({ type: 'Seal', seal: seal(3) })
      .thenNothing();
  });

  it('is not sealed without a key', () =>
    given(sealing)()
      .when({ type: 'Seal', seal: seal(1) })
      .thenRefused('CONFLICT', /no key/));
});
