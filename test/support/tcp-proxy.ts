// A way to a server that can be cut, closed, or listened in on: what networks do to a connection.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type TcpProxy = {
  readonly port: number;
  /** Every connection breaks now; new ones are taken. */
  cut(): void;
  /** Every connection breaks, and none is taken until `open`. */
  close(): Promise<void>;
  open(): Promise<void>;
  /** What each side sends, before it goes on to the other; nothing goes on for undefined, and both sides are cut then. */
  onRequest: (bytes: Buffer) => Buffer | undefined;
  onAnswer: (bytes: Buffer) => Buffer | undefined;
  [Symbol.asyncDispose](): Promise<void>;
};

export const startTcpProxy = async (to: { readonly host: string; readonly port: number }): Promise<TcpProxy> => {
  const sockets = new Set<Socket>();
  const join = (from: Socket, into: Socket, through: (bytes: Buffer) => Buffer | undefined) => {
    sockets.add(from);
    const end = () => {
      sockets.delete(from);
      into.destroy();
    };
    from.on('close', end).on('error', end);
    from.on('data', (bytes) => {
      const passed = through(bytes);
      if (passed) into.write(passed);
      else from.destroy();
    });
  };
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ ...to, noDelay: true });
    join(client, upstream, (bytes) => proxy.onRequest(bytes));
    join(upstream, client, (bytes) => proxy.onAnswer(bytes));
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const close = async () => {
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  };
  const proxy: TcpProxy = {
    port,
    cut,
    close,
    open: async () => void (await listen(port)),
    onRequest: (bytes) => bytes,
    onAnswer: (bytes) => bytes,
    [Symbol.asyncDispose]: async () => (server.listening ? close() : undefined),
  };
  return proxy;
};
