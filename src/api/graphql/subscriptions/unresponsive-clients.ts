// Clients of WebSockets that no longer respond: one that does not take what it is sent is dropped instead of buffered for, one that is gone is cut off.
import type { WebSocket } from 'ws';

const pingEveryMs = 12_000;
/** A client that takes nothing for so long is dropped. */
const slowAfterMs = 10_000;
const mostBuffered = 4 * 1024 * 1024;
const tooSlow = 1013;

/** Resolves once the message is on its way, or the client is dropped. */
export const sendInTime = async (socket: WebSocket, data: string): Promise<void> => {
  if (socket.readyState !== socket.OPEN) return;
  if (socket.bufferedAmount > mostBuffered) return drop(socket);
  const slow = setTimeout(() => drop(socket), slowAfterMs);
  await new Promise<void>((resolve) => socket.send(data, () => resolve())); // an error closes the socket
  clearTimeout(slow);
};

const drop = (socket: WebSocket): void => {
  socket.close(tooSlow, 'Too slow: reconnect, and read what you missed.');
  setTimeout(() => socket.terminate(), 1_000).unref();
};

/** @returns the timer, to be cleared when the connection is closed */
export const pingWhileAlive = (socket: WebSocket): NodeJS.Timeout => {
  let isAlive = true;
  socket.on('pong', () => (isAlive = true));
  return setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, pingEveryMs).unref();
};
