// The bench's load generator. It writes prepared HTTP/1.1 requests to raw sockets, to cost the machine as little as possible.
// Closed loop: each connection sends again as soon as it is answered. Open loop: requests go out at a fixed rate.
// In the open loop, `sentAt` is the time when the request was due, so a slow server cannot hide a queue.
import { createConnection, type Socket } from 'node:net';
import { serve } from './processes.ts';
import { clock, clockDigits, eventType, message, sentAtKey } from './workload.ts';

export type Load = {
  url: string;
  key: string;
  connections: number;
  /** Messages per request. */
  batch: number;
  /** Requests per second. Absent: closed loop. */
  rate?: number;
  /** Stops by itself after this many requests. */
  requests?: number;
  /** Event type to use instead of the workload's. */
  type?: string;
  /** Before the workload's event types; left out: none. */
  prefix?: string;
  /** Each message has one of so many ordering keys, at random; left out: none. */
  keys?: number;
  /** How many event types take turns. */
  kinds?: number;
  /** Remembers when each request was answered with 202. */
  remember?: boolean;
};

/** Counts messages, not requests. */
export type Sent = { accepted: number; refused: number; firstRefusal?: string };

let load: Load;
const run = { on: false, requestsLeft: Infinity };
let accepted = 0;
let refused = 0;
let firstRefusal: string | undefined;
/** By the time when it was sent, which is different for each request. */
let answered: number[] = [];
let lastSent = 0;
let connections: Connection[] = [];
let idle: Connection[] = [];

const orderingKeyText = '"orderingKey":"';
const keyDigits = 7;

const offsetsIn = (bytes: Buffer, key: string): number[] => {
  const offsets: number[] = [];
  for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + 1)) offsets.push(at + key.length);
  return offsets;
};

const requestFor = (index: number): { bytes: Buffer; sentAtOffsets: number[]; keyOffsets: number[] } => {
  const type = (i: number) => load.type ?? `${load.prefix ?? ''}${eventType(i, load.kinds)}`;
  const messageOf = (i: number) => ({ ...message(type(i)), ...(load.keys !== undefined && { orderingKey: '0'.repeat(keyDigits) }) });
  const body = JSON.stringify(load.batch === 1 ? messageOf(index) : Array.from({ length: load.batch }, (_, i) => messageOf(i)));
  const head = [
    'POST /v1/messages HTTP/1.1',
    `host: ${new URL(load.url).host}`,
    `authorization: Bearer ${load.key}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1');
  return { bytes, sentAtOffsets: offsetsIn(bytes, sentAtKey), keyOffsets: offsetsIn(bytes, orderingKeyText) };
};

class Connection {
  busy = false;
  private sentAt = 0;
  private readonly socket: Socket;
  private readonly bytes: Buffer;
  private readonly sentAtOffsets: number[];
  private readonly keyOffsets: number[];
  private unread: Buffer | undefined;

  constructor(index: number) {
    const { hostname, port } = new URL(load.url);
    ({ bytes: this.bytes, sentAtOffsets: this.sentAtOffsets, keyOffsets: this.keyOffsets } = requestFor(index));
    this.socket = createConnection({ host: hostname, port: Number(port), noDelay: true });
    this.socket.on('data', (chunk) => this.read(chunk));
    this.socket.on('error', (error) => this.broke(error.message));
    this.socket.on('close', () => {
      idle = idle.filter((connection) => connection !== this);
      this.broke('the server closed the connection');
    });
  }

  send(sentAt: number): void {
    this.busy = true;
    run.requestsLeft--;
    this.sentAt = lastSent = Math.max(sentAt, lastSent + 1);
    const digits = String(this.sentAt);
    for (const offset of this.sentAtOffsets) this.bytes.write(digits, offset, clockDigits, 'latin1');
    for (const offset of this.keyOffsets)
      this.bytes.write(String(Math.floor(Math.random() * (load.keys ?? 1))).padStart(keyDigits, '0'), offset, keyDigits, 'latin1');
    this.socket.write(this.bytes); // the bytes are not changed before the answer arrives
  }

  private read(chunk: Buffer): void {
    const bytes = this.unread ? Buffer.concat([this.unread, chunk]) : chunk;
    const headEnd = bytes.indexOf('\r\n\r\n');
    if (headEnd < 0) return void (this.unread = bytes);
    const head = bytes.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) throw new Error(`The load generator can read only answers with a content-length, not:\n${head}`);
    if (bytes.length < headEnd + 4 + Number(length)) return void (this.unread = bytes);
    this.unread = undefined;
    this.busy = false;
    if (head.startsWith('202', 9)) {
      accepted += load.batch;
      if (load.remember) answered.push(this.sentAt, clock());
    } else {
      refused += load.batch;
      firstRefusal ??= bytes.toString();
    }
    if (run.on && load.rate === undefined && run.requestsLeft > 0) this.send(clock());
    else idle.push(this);
  }

  private broke(reason: string): void {
    if (!this.busy) return;
    this.busy = false;
    refused += load.batch;
    firstRefusal ??= reason;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Sends due requests. If no connection is free, a request goes late, with the time when it was due. */
const pace = (rate: number) => {
  const intervalUs = 1e6 / rate;
  let due = clock();
  const tick = () => {
    if (!run.on) return;
    for (const now = clock(); due <= now && run.requestsLeft > 0; due += intervalUs) {
      const free = idle.pop();
      if (!free) break;
      free.send(Math.floor(due));
    }
    setTimeout(tick, 1);
  };
  tick();
};

const sent = (): Sent => ({ accepted, refused, ...(firstRefusal === undefined ? {} : { firstRefusal }) });

const untilAnswered = async () => {
  while (connections.some(({ busy }) => busy)) await new Promise((resolve) => setTimeout(resolve, 5));
};

const handlers = {
  start(what: Load) {
    load = what;
    run.on = true;
    run.requestsLeft = what.requests ?? Infinity;
    accepted = refused = 0;
    answered = [];
    firstRefusal = undefined;
    connections = Array.from({ length: what.connections }, (_, i) => new Connection(i));
    idle = [...connections];
    if (what.rate !== undefined) return pace(what.rate);
    for (const connection of idle.splice(0)) if (run.requestsLeft > 0) connection.send(clock());
  },
  sent,
  /** When requests were sent and answered, in turns. */
  answered: () => answered,
  /** Stops sending, waits for the answers, closes. */
  async stop(): Promise<Sent> {
    run.on = false;
    await untilAnswered();
    for (const connection of connections) connection.close();
    connections = idle = [];
    return sent();
  },
  /** Waits until `requests` are answered, then closes. */
  async finish(): Promise<Sent> {
    while (run.requestsLeft > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    return handlers.stop();
  },
};
export type LoadGeneratorPart = typeof handlers;
serve(handlers);
