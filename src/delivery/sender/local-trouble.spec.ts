import { describe, expect, it } from 'vitest';
import { LocalFailure } from '../local-failure.ts';
import { localFailureOf } from './local-trouble.ts';

const error = (code: string, address = '192.0.2.1') => Object.assign(new Error(code), { code, address });

describe('a connection was not opened for a reason of this machine', () => {
  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN', 'EADDRNOTAVAIL'])('after %s', (code) =>
    expect(localFailureOf(error(code), '')).toMatchObject({ reason: code, message: expect.stringMatching(/^this .*\.$/) }),
  );
  it('after the same at one of several addresses', () =>
    expect(localFailureOf(new AggregateError([error('ECONNREFUSED'), error('EMFILE')]), '')).toMatchObject({ reason: 'EMFILE' }));
  it('when the look-up of the name said so', () => {
    const failure = new LocalFailure('EMFILE', 'Too many files.');
    expect(localFailureOf(failure, '')).toBe(failure);
  });
});

describe('a connection was not opened because of the receiver', () => {
  it.each(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ECONNRESET'])('after %s', (code) =>
    expect(localFailureOf(error(code), '')).toBeUndefined(),
  );
  it('whose port is none', () => expect(localFailureOf(error('EADDRNOTAVAIL'), '0')).toBeUndefined());
  it('that refuses at one of several addresses', () =>
    expect(localFailureOf(new AggregateError([error('ECONNREFUSED'), error('EADDRNOTAVAIL')]), '')).toBeUndefined());
});
