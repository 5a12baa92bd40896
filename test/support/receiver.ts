// Test support: a receiver of webhooks on 127.0.0.1 that records what it gets and answers as it is told.
//
//   await using receiver = await startReceiver();
//   receiver.answer({ status: 503, headers: { 'retry-after': '2' } });   // from now on
//   receiver.answerNext('reset', { status: 500 });                       // these first, one each
//   const [request] = await receiver.received(1);                        // waits until so many have arrived in all
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export type ReceivedRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as sent. */
  readonly rawHeaders: readonly string[];
  /** The bytes: what a signature is made of. */
  readonly raw: Buffer;
  readonly body: string;
  /** Counts the connections that the receiver accepted, from 1. */
  readonly connection: number;
  readonly at: Date;
};

export type Answer =
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string | string[]>>;
      readonly body?: string | Buffer;
      /** How long it takes to begin. */
      readonly delayMs?: number;
    }
  /** Never answers. */
  | 'hang'
  /** 102 Processing, and no answer after it. */
  | 'processing'
  /** Resets the connection in place of an answer. */
  | 'reset'
  /** Closes it in an orderly way in place of an answer. */
  | 'close'
  /** 200, then a byte now and then, for ever. */
  | 'drip'
  /** 200, then as many bytes as the connection takes, for ever. */
  | 'endless'
  /** 200 with a content-length, then the connection is reset half-way. */
  | 'cut';

export type Receiver = AsyncDisposable & {
  /** Without a path: `http://127.0.0.1:40123` */
  readonly url: string;
  readonly port: number;
  readonly requests: readonly ReceivedRequest[];
  /** Connections accepted so far, and open now. */
  readonly connections: { readonly accepted: number; readonly open: number };
  answer(answer: Answer | ((request: ReceivedRequest) => Answer)): void;
  answerNext(...answers: readonly Answer[]): void;
  /** Resolves with the requests when there are at least so many. */
  received(count: number): Promise<readonly ReceivedRequest[]>;
  /** Closes the connections that are idle. */
  closeIdle(): void;
  close(): Promise<void>;
};

export type Certificate = 'valid' | 'expired' | 'wrong-host' | 'self-signed';

const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');

/** The authority that issued the certificates `valid`, `expired` and `wrong-host`. `valid` is for localhost, 127.0.0.1 and receiver.test. */
export const testAuthority = (): string => pem('ca.cert');

/** @param options `tls`: https, with that certificate; `keepAliveMs`: how long it keeps idle connections (node: 5 s); `host`: 127.0.0.1; `port`: a free one. */
export const startReceiver = async ({
  host = '127.0.0.1',
  ...options
}: { tls?: Certificate; keepAliveMs?: number; host?: string; port?: number } = {}): Promise<Receiver> => {
  const requests: ReceivedRequest[] = [];
  const waiting = new Set<() => void>();
  const sockets = new Map<Socket, number>();
  const next: Answer[] = [];
  let answer: (request: ReceivedRequest) => Answer = () => ({});
  let accepted = 0;

  const handle = (incoming: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url: path = '', headers, rawHeaders, socket } = incoming;
      const raw = Buffer.concat(chunks);
      const connection = sockets.get(socket) ?? 0;
      const request = { method, path, headers, rawHeaders, raw, body: raw.toString('utf8'), connection, at: new Date() };
      requests.push(request);
      respond(next.shift() ?? answer(request), response, socket);
      for (const check of waiting) check();
    });
  };
  const keepAlive = options.keepAliveMs === undefined ? {} : { keepAliveTimeout: options.keepAliveMs };
  const server = options.tls
    ? createTlsServer({ cert: pem(`${options.tls}.cert`), key: pem(`${options.tls}.key`), ...keepAlive }, handle)
    : createServer(keepAlive, handle);
  server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    accepted += 1;
    sockets.set(socket, accepted);
    socket.on('error', () => undefined); // the sender may reset it
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;

  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets.keys()) socket.destroy();
    });
  return {
    url: `${options.tls ? 'https' : 'http'}://${host}:${port}`,
    port,
    requests,
    get connections() {
      return { accepted, open: sockets.size };
    },
    answer: (to) => (answer = typeof to === 'function' ? to : () => to),
    answerNext: (...answers) => next.push(...answers),
    received: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (requests.length < count) return;
          waiting.delete(check);
          resolve(requests);
        };
        waiting.add(check);
        check();
      }),
    closeIdle: () => server.closeIdleConnections(),
    close,
    [Symbol.asyncDispose]: close,
  };
};

const respond = (answer: Answer, response: ServerResponse, socket: Socket): void => {
  switch (answer) {
    case 'hang':
      return;
    case 'processing':
      response.writeProcessing();
      return;
    case 'reset':
      socket.resetAndDestroy();
      return;
    case 'close':
      socket.destroy();
      return;
    case 'drip': {
      response.writeHead(200, { 'content-type': 'text/plain' });
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
      return;
    }
    case 'endless': {
      response.writeHead(200, { 'content-type': 'text/plain' });
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const pour = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
      return;
    }
    case 'cut':
      response.writeHead(200, { 'content-length': '100' });
      response.write('half of it', () => socket.resetAndDestroy());
      return;
    default: {
      const { status = 200, headers = {}, body = '', delayMs } = answer;
      const finish = () => response.writeHead(status, headers).end(body);
      if (delayMs === undefined) finish();
      else setTimeout(finish, delayMs);
    }
  }
};
