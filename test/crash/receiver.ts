// The receiver of the crash trial. It keeps every request it got, in order, per delivery, and knows which of them were
// at risk when the server was killed.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** One request as the receiver got it. Times are `performance.now()`. */
export type Receipt = {
  readonly attempt: number;
  /** Undefined: never answered, as the sender went away before. */
  answeredAt?: number;
  status?: number;
  /** In flight at a kill, see `Receiver.killed`. */
  atRisk: boolean;
  /** Set when the server was killed after the answer. */
  answeredBeforeKillMs?: number;
};

/** What the endpoint at a path does with a delivery's n-th attempt. */
export type Behaviour = (messageId: string, attempt: number) => { status: number; afterMs: number };

export type Receiver = {
  readonly url: string;
  /** By `<path> <message id>`. */
  readonly deliveries: ReadonlyMap<string, readonly Receipt[]>;
  /** The `data.key` of the message that arrived under a message id. */
  readonly keys: ReadonlyMap<string, string>;
  readonly requests: number;
  readonly wrongSignatures: number;
  /**
   * Call when the killed server is gone. Waits until the last of its connections is read to the end, then marks the
   * requests at risk: those not answered at the moment of the kill, and those answered within `graceMs` before it.
   * With `others` still running, its connections are those that end now.
   */
  killed(at: number, graceMs: number, others?: 'others'): Promise<{ unanswered: number; answeredLately: number }>;
  close(): Promise<void>;
};

/** Connections of a killed process end at once; when none has for so long, they have all ended. */
const quietMs = 100;

export const startReceiver = async (secret: string, behaviours: Readonly<Record<string, Behaviour>>): Promise<Receiver> => {
  const deliveries = new Map<string, Receipt[]>();
  const keys = new Map<string, string>();
  let sinceStart: { readonly receipt: Receipt; readonly socket: Socket }[] = []; // what the running servers sent
  let requests = 0;
  let lastClosedAt = 0;
  let wrongSignatures = 0;

  const take = (path: string, request: IncomingMessage, body: Buffer, response: ServerResponse) => {
    const messageId = String(request.headers['webhook-id']);
    const receipt: Receipt = { attempt: Number(request.headers['webhook-attempt']), atRisk: false };
    requests++;
    sinceStart.push({ receipt, socket: request.socket });
    const key = `${path} ${messageId}`;
    const earlier = deliveries.get(key);
    if (earlier) earlier.push(receipt);
    else deliveries.set(key, [receipt]);

    const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    if (request.headers['x-webhook-signature'] !== signature) wrongSignatures++;
    const payload = JSON.parse(body.toString()) as { data: { key: string } };
    keys.set(messageId, payload.data.key);

    const { status, afterMs } = behaviours[path]?.(messageId, receipt.attempt) ?? { status: 404, afterMs: 0 };
    const answer = () => {
      if (response.destroyed || request.socket.destroyed) return;
      receipt.answeredAt = performance.now();
      receipt.status = status;
      response.writeHead(status, { 'content-length': 2 }).end('ok');
    };
    if (afterMs === 0) answer();
    else setTimeout(answer, afterMs);
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => take(request.url ?? '/', request, Buffer.concat(chunks), response));
    request.on('error', () => {}); // the sender was killed; what it had sent whole is counted
  });
  server.keepAliveTimeout = 600_000;
  const connections = new Set<Socket>();
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => {
      connections.delete(socket);
      lastClosedAt = performance.now();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    deliveries,
    keys,
    get requests() {
      return requests;
    },
    get wrongSignatures() {
      return wrongSignatures;
    },
    async killed(at, graceMs, others) {
      const giveUp = performance.now() + 5_000;
      const isOver = () => (others ? performance.now() > lastClosedAt + quietMs : connections.size === 0);
      lastClosedAt = performance.now();
      while (!isOver() && performance.now() < giveUp) await new Promise((resolve) => setTimeout(resolve, 5));
      if (!isOver()) throw new Error(`${connections.size} connections of the killed server are still open after 5 s.`);
      const ended = sinceStart.filter(({ socket }) => !connections.has(socket));
      const killed = ended.map(({ receipt }) => receipt);
      const lost = killed.filter((receipt) => receipt.answeredAt === undefined || receipt.answeredAt > at);
      const late = killed.filter(({ answeredAt }) => answeredAt !== undefined && answeredAt <= at && answeredAt > at - graceMs);
      for (const receipt of [...lost, ...late]) receipt.atRisk = true;
      for (const receipt of killed)
        if (receipt.answeredAt !== undefined && receipt.answeredAt <= at) receipt.answeredBeforeKillMs = at - receipt.answeredAt;
      sinceStart = sinceStart.filter(({ socket }) => connections.has(socket));
      return { unanswered: lost.length, answeredLately: late.length };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
