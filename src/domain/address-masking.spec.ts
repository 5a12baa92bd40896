import { describe, expect, it } from 'vitest';
import { maskResolvedAddress, type FailedAttempt } from './address-masking.ts';

const blocked = (address: string, why = 'is private') =>
  `The address ${address} ${why} and may not be called; set HOOKLEDGER_ALLOW_PRIVATE_NETWORKS to allow it`;

describe('an error without the address that a name resolved to', () => {
  it.each<[FailedAttempt['failure'], string, string, string]>([
    [
      'BLOCKED_ADDRESS',
      'https://hooks.example/a',
      `${blocked('10.0.0.7')} (the name hooks.example resolves to it).`,
      'The name hooks.example resolves to an address that may not be called.',
    ],
    [
      'BLOCKED_ADDRESS',
      'https://hooks.example/a',
      `${blocked('::ffff:10.0.0.1 (which leads to 10.0.0.1)')} (the name hooks.example resolves to it).`,
      'The name hooks.example resolves to an address that may not be called.',
    ],
    [
      'CONNECTION',
      'https://hooks.example/a',
      'The connection to hooks.example broke while it was being opened: connect EACCES 10.0.0.7:443 - Local (192.168.1.2:51234) (EACCES).',
      'The connection to hooks.example broke while it was being opened: connect EACCES (an address):443 - Local ((an address):51234) (EACCES).',
    ],
    [
      'CONNECTION',
      'https://hooks.example/a',
      'The connection to hooks.example broke while it was being opened: connect EINVAL fe80::1%eth0:443 (EINVAL).',
      'The connection to hooks.example broke while it was being opened: connect EINVAL (an address)%eth0:443 (EINVAL).',
    ],
  ])('%s: is hidden where the URL has a name', (failure, url, error, shown) =>
    expect(maskResolvedAddress({ failure, url, error })).toBe(shown),
  );
  it.each<[FailedAttempt['failure'], string, string]>([
    ['BLOCKED_ADDRESS', 'http://10.0.0.7/a', `${blocked('10.0.0.7')}.`],
    ['BLOCKED_ADDRESS', 'http://[fd00::7]/a', `${blocked('fd00::7')}.`],
    ['CONNECTION', 'http://10.0.0.7:8080/', 'The connection was refused: nothing listens there, or a firewall rejects it: 10.0.0.7:8080.'],
    ['TIMEOUT', 'https://hooks.example/', 'hooks.example did not answer within 30 s; answer sooner.'],
    ['REDIRECT', 'https://hooks.example/', 'The receiver redirects to http://10.0.0.7/ (302 Found), and redirects are not followed.'],
  ])('%s: is the same where it names nothing else', (failure, url, error) =>
    expect(maskResolvedAddress({ failure, url, error })).toBe(error),
  );
});
