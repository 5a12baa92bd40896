// Test support: a receiver that answers in raw bytes, to play what no HTTP server would do.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { readFileSync } from 'node:fs';

const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');

export type RawReceiver = AsyncDisposable & {
  /** Without a path. */
  readonly url: string;
  /** Whole requests that were read, by connection, from 1. */
  readonly requests: readonly number[];
  readonly connections: { readonly accepted: number; readonly open: number };
};

/** Does what it is told with each whole request. */
export type Reaction = (socket: Socket, request: number) => void;

/** @param onConnection called for each connection at once; `tls`: with a certificate that the test authority issued */
export const startRawReceiver = async (
  react: Reaction,
  { onConnection, tls = false }: { onConnection?: (socket: Socket) => void; tls?: boolean } = {},
): Promise<RawReceiver> => {
  const requests: number[] = [];
  const sockets = new Set<Socket>();
  let accepted = 0;
  const serve = (socket: Socket) => {
    const connection = ++accepted;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    onConnection?.(socket);
    let unread = '';
    socket.on('data', (bytes) => {
      unread += bytes.toString('latin1');
      for (;;) {
        const end = unread.indexOf('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(unread.slice(0, end))?.[1] ?? 0);
        if (end === -1 || unread.length < end + 4 + length) return;
        unread = unread.slice(end + 4 + length);
        requests.push(connection);
        react(socket, requests.length);
      }
    });
  };
  const server = tls ? createTlsServer({ cert: pem('valid.cert'), key: pem('valid.key') }, serve) : createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    get connections() {
      return { accepted, open: sockets.size };
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};
