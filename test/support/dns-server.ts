// Test support: a DNS server on 127.0.0.1 that knows the names it is given and answers nothing for those it is told to ignore.
import { createSocket } from 'node:dgram';

export type DnsServer = AsyncDisposable & {
  /** For `Resolver.setServers`. */
  readonly address: string;
  /** Names and types that were asked for. */
  readonly questions: readonly string[];
};

/** IPv4 and IPv6 addresses (as 16 bytes in hexadecimal) of a name. `silent`: that type is never answered. */
type Zone = Readonly<
  Record<string, { readonly A?: readonly string[] | 'silent'; readonly AAAA?: readonly string[] | 'silent'; readonly ttl?: number }>
>;

/** @param zone undefined: it never answers */
export const startDnsServer = async (zone?: Zone): Promise<DnsServer> => {
  const questions: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += length + 1;
    }
    const type = query.readUInt16BE(at + 1) === 28 ? 'AAAA' : 'A';
    const name = labels.join('.').toLowerCase();
    questions.push(`${name} ${type}`);
    const found = zone?.[name];
    const addresses = found?.[type] ?? [];
    if (!zone || addresses === 'silent') return;
    const records = addresses.map((address) => {
      const data = type === 'A' ? Buffer.from(address.split('.').map(Number)) : Buffer.from(address, 'hex');
      const head = Buffer.alloc(12);
      head.writeUInt16BE(0xc00c, 0);
      head.writeUInt16BE(type === 'A' ? 1 : 28, 2);
      head.writeUInt16BE(1, 4);
      head.writeUInt32BE(found?.ttl ?? 60, 6);
      head.writeUInt16BE(data.length, 10);
      return Buffer.concat([head, data]);
    });
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(found ? 0x8180 : 0x8183, 2); // an unknown name is NXDOMAIN
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([header, query.subarray(12, at + 5), ...records]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
};
