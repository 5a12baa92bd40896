import { describe, expect, it } from 'vitest';
import { clientAddress } from './client-address.ts';

const behind = clientAddress(['10.0.0.0/8', 'fd00::/8']);
const from = (remoteAddress: string, forwarded?: string) => ({
  headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  socket: { remoteAddress },
});

describe("the client's address", () => {
  it('is the peer, whatever it claims, unless the peer is a trusted proxy', () => {
    expect(behind(from('203.0.113.7', '198.51.100.1'))).toBe('203.0.113.7');
    expect(clientAddress([])(from('10.0.0.1', '198.51.100.1'))).toBe('10.0.0.1');
  });

  it('is the last forwarded address that is no trusted proxy', () => {
    expect(behind(from('10.0.0.1', '192.0.2.9, 198.51.100.1, 10.0.0.2'))).toBe('198.51.100.1');
    expect(behind(from('::ffff:10.0.0.1', '198.51.100.1'))).toBe('198.51.100.1');
    expect(behind(from('fd00::1', '2001:db8::5'))).toBe('2001:db8::5');
  });

  it('is the first proxy or the peer where nothing else is named', () => {
    expect(behind(from('10.0.0.1', '10.0.0.3, 10.0.0.2'))).toBe('10.0.0.3');
    expect(behind(from('10.0.0.1', 'unknown'))).toBe('10.0.0.1');
    expect(behind(from('10.0.0.1'))).toBe('10.0.0.1');
  });
});
