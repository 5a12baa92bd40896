import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressGuard } from './address-guard.ts';

const guard = addressGuard(false);

describe('without configuration, the guard', () => {
  it.each([
    ['loopback', '127.0.0.1', '127.255.255.254', '::1'],
    ['unspecified', '0.0.0.0', '0.1.2.3', '::'],
    ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fdff::1', 'fec0::1'],
    ['link-local', '169.254.169.254', '169.254.0.1', 'fe80::1', 'febf::1'],
    ['shared by a carrier', '100.64.0.1', '100.127.255.255'],
    ['multicast', '224.0.0.1', '239.255.255.255', 'ff02::1'],
    ['broadcast', '255.255.255.255'],
    ['reserved', '192.0.0.8', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.9', '240.0.0.1', '192.88.99.1', '192.31.196.1'],
    ['reserved', '2001:db8::1', '3fff::1', '100::1', '2001:2::1', '5f00::1', '4000::1', '2001:20::1'],
    ['loopback', '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1', '2600::5efe:127.0.0.1', '2600::200:5efe:7f00:1'],
    ['private', '::ffff:10.0.0.1', '64:ff9b::10.0.0.1', '2600::5efe:192.168.0.1'],
    ['link-local', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe'],
    [
      '',
      '::127.0.0.1',
      '::8.8.8.8',
      '64:ff9b:1::1',
      '64:ff9b:1::808:808',
      '2002:7f00:1::',
      '2002:808:808::1',
      '2001::1',
      '::ffff:0:127.0.0.1',
    ],
    ['is not an IP address', '', 'localhost', '127.1', '0x7f.0.0.1', '2130706433', '1.2.3.4/8', '256.1.1.1'],
  ])('refuses what is %s', (reason, ...addresses) => {
    for (const address of addresses) expect([address, guard.check(address)]).toEqual([address, expect.stringContaining(reason)]);
  });

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2600::5efe:8.8.8.8',
  ])('lets %s pass', (address) => expect(guard.check(address)).toBeUndefined());

  it('says which address, why, and what to do', () =>
    expect(guard.check('::ffff:10.0.0.1')).toBe(
      'The address ::ffff:10.0.0.1 (which leads to 10.0.0.1) is private and may not be called; set HOOKLEDGER_ALLOW_PRIVATE_NETWORKS to allow it.',
    ));
});

const octet = fc.nat(255);
const ipv4 = fc.tuple(octet, octet, octet, octet);
const dotted = ipv4.map((octets) => octets.join('.'));
const hex = ([a, b, c, d]: [number, number, number, number]) => `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;

describe('for every address', () => {
  it('the IPv6 forms of an IPv4 address are never more open than it is', () =>
    fc.assert(
      fc.property(ipv4, (octets) => {
        const plain = guard.check(octets.join('.')) === undefined;
        for (const form of [`::ffff:${hex(octets)}`, `64:ff9b::${hex(octets)}`]) expect(guard.check(form) === undefined).toBe(plain);
        for (const form of [`::${hex(octets)}`, `2002:${hex(octets)}::1`, `64:ff9b:1::${hex(octets)}`, `2001:0:${hex(octets)}::`])
          expect(guard.check(form)).toBeDefined();
        expect(guard.check(`2600:1::5efe:${hex(octets)}`) === undefined).toBe(plain);
      }),
    ));
  it('no IPv6 address outside 2000::/3 passes but as a form of a public IPv4 address', () =>
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const first = Number.parseInt(address.split(':')[0] || '0', 16);
        fc.pre(first >> 13 !== 1 && !/^(0*:)*0*:*ffff:|^0*64:/i.test(address));
        expect(guard.check(address)).toBeDefined();
      }),
    ));
  it('a network that is opened is open, in its IPv4-mapped form too, and no other is', () =>
    fc.assert(
      fc.property(dotted, dotted, (address, other) => {
        const opened = addressGuard([`${address}/32`]);
        expect(opened.check(address)).toBeUndefined();
        expect(opened.check(`::ffff:${address}`)).toBeUndefined();
        expect(opened.check(other)).toBe(other === address ? undefined : guard.check(other));
      }),
    ));
  it('`true` opens what is private, and nothing else', () =>
    fc.assert(
      fc.property(dotted, (address) => {
        const isPrivate = /loopback|private|carrier/.test(guard.check(address) ?? '');
        expect(addressGuard(true).check(address)).toBe(isPrivate ? undefined : guard.check(address));
      }),
    ));
});

describe('configuration', () => {
  it('`true` opens loopback and private networks, not cloud metadata', () => {
    const open = addressGuard(true);
    for (const address of ['127.0.0.1', '::1', '10.1.2.3', '100.64.0.1', 'fd00::1', '::ffff:127.0.0.1'])
      expect(open.check(address)).toBeUndefined();
    for (const address of ['169.254.169.254', 'fe80::1', '0.0.0.0', '224.0.0.1']) expect(open.check(address)).toBeDefined();
  });
  it.each([
    '168.63.129.16',
    '100.100.100.200',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'fd00:c1::a9fe:a9fe',
    'fd00:42::42',
    '169.254.169.254',
    '::ffff:168.63.129.16',
    '64:ff9b::100.100.100.200',
    '2600::5efe:168.63.129.16',
  ])('opens the metadata service %s only where a CIDR names it', (address) => {
    for (const open of [false, true, ['10.0.0.0/8']]) expect(addressGuard(open).check(address)).toContain('list its network in HOOKLEDGER');
    expect(addressGuard(['0.0.0.0/0', '::/0']).check(address)).toBeUndefined();
    expect(addressGuard(['168.63.129.16', '100.64.0.0/10', '169.254.0.0/16', 'fc00::/7', '2600::/16']).check(address)).toBeUndefined();
  });
  it('opens networks by CIDR, link-local ones too, and single addresses', () => {
    const open = addressGuard(['10.0.0.0/8', 'fd00::/8', '169.254.0.0/16', '192.168.1.7']);
    for (const address of ['10.1.2.3', 'fd00::1', '169.254.169.254', '192.168.1.7', '64:ff9b::10.0.0.1'])
      expect(open.check(address)).toBeUndefined();
    for (const address of ['192.168.1.8', '127.0.0.1', 'fc00::1']) expect(open.check(address)).toBeDefined();
  });
  it('that is no CIDR is refused', () => expect(() => addressGuard(['10.0.0.0/40'])).toThrow('"10.0.0.0/40" is not a network'));
});

describe('the host of a URL', () => {
  it.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://017700000001/',
    'http://127.0.0.1./',
    'http://[::1]/',
    'http://[::ffff:7f00:1]/',
    'http://localhost:80/',
    'http://LOCALHOST./',
    'http://a.localhost/',
    'http://１２７.0.0.1/',
    'http://0/',
    'https://169.254.169.254/latest/meta-data',
  ])('%s is refused at once', (url) => expect(guard.checkUrlHost(url)).toMatch(/may not be called/));
  it.each(['https://example.com/', 'https://8.8.8.8/', 'https://[2606:4700::1]/', 'https://127.0.0.1.example.com/'])('%s is not', (url) =>
    expect(guard.checkUrlHost(url)).toBeUndefined(),
  );
  it('localhost may be called where loopback may', () => expect(addressGuard(true).checkUrlHost('http://localhost:8080/')).toBeUndefined());
});
