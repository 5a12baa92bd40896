// A connection to a receiver: one socket, which carries one request after another. It tells its user what happens on it, and knows whether it may be
// used again.
import type { Socket } from 'node:net';

/** What the connection tells the request that uses it. */
export type ConnectionUser = {
  /** The other side accepted the connection, and TLS is to be agreed on. */
  readonly accepted: () => void;
  /** The request may be written. */
  readonly opened: () => void;
  readonly received: (bytes: Buffer) => void;
  /** The other side sends nothing more. */
  readonly ended: () => void;
  readonly failed: (error: Error) => void;
};

/** An idle connection is kept this long, unless the receiver says how long it keeps it. */
const keptIdleMs = 4_000;
const longestIdleMs = 60_000;
/** It is given up this long before the receiver does. */
const marginMs = 1_000;
/** A connection that was idle this long is looked at before it is used: the receiver may have closed it, unread yet. */
const restedMs = 500;

export class Connection {
  private user: ConnectionUser | undefined;
  private idleSince = 0;
  private usableUntil = 0;
  private isGone = false;
  /** It has carried a request before. */
  isReused = false;

  constructor(
    readonly origin: string,
    private readonly socket: Socket,
    private readonly isSecure: boolean,
    /** Called when no request may use the connection any more; maybe more than once. */
    private readonly onGone: (connection: Connection) => void,
  ) {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.on('connect', () => (isSecure ? this.user?.accepted() : this.user?.opened()));
    if (isSecure) socket.on('secureConnect', () => this.user?.opened());
    socket.on('data', (bytes: Buffer) => this.received(bytes));
    socket.on('end', () => {
      if (this.user) this.user.ended();
      else this.discard();
    });
    socket.on('error', (error) => this.user?.failed(error));
    socket.on('close', () => {
      this.user?.ended();
      this.discard();
    });
  }

  /** @param bytes not to be kept: the buffer is used again */
  received(bytes: Buffer): void {
    if (this.user) this.user.received(bytes);
    else this.discard(); // nobody asked: it would pass for the answer to the next request
  }

  /** From now on this request hears of the connection. */
  use(user: ConnectionUser): void {
    this.user = user;
  }

  /**
   * Hands the bytes to the kernel.
   * @returns false if the kernel took none of them, as the connection is closed. Then the receiver can't have got any. True: it may have got them.
   */
  send(bytes: Buffer): boolean {
    if (!this.isUsable) return false;
    this.socket.write(bytes);
    // An error at once means that the first write to the socket was refused. With TLS there are buffers in between, so nothing follows from it.
    return this.isSecure || this.socket.errored === null;
  }

  /** All bytes of the request were handed to the kernel. */
  get isFlushed(): boolean {
    return this.socket.writableLength === 0;
  }

  get isUsable(): boolean {
    const { socket } = this;
    return !this.isGone && socket.writable && socket.readable && !socket.destroyed;
  }

  /** Idle, and still kept by the receiver as far as it said. */
  isFresh(now: number): boolean {
    return now < this.usableUntil && this.isUsable;
  }

  isRested(now: number): boolean {
    return now - this.idleSince >= restedMs;
  }

  /** The request is over. @returns whether another one may use the connection */
  release(now: number, keepAliveSeconds: number | undefined): boolean {
    this.user = undefined;
    this.isReused = true;
    this.idleSince = now;
    this.usableUntil = now + (keepAliveSeconds === undefined ? keptIdleMs : Math.min(keepAliveSeconds * 1_000 - marginMs, longestIdleMs));
    return this.isFlushed && this.isFresh(now);
  }

  discard(): void {
    this.user = undefined;
    this.isGone = true;
    this.socket.destroy();
    this.onGone(this);
  }
}
