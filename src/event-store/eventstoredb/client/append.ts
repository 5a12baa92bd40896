// Appending on the client's thread.
import { appendToStream, toClientFailure } from './db-client.ts';
import type { AppendAnswer, EncodedWrite } from './messages.ts';
import type { NodeClient } from './node-client.ts';

/** On a new connection the client lets later appends overtake the first one, so they wait here until the first is answered. */
export const createAppend = (node: NodeClient): ((write: EncodedWrite) => Promise<AppendAnswer>) => {
  const connection: { isOpen: boolean; opening: Promise<unknown> | undefined } = { isOpen: false, opening: undefined };
  return async (write) => {
    while (connection.opening && !connection.isOpen) await connection.opening.catch(() => {});
    const sending = node.use((client) => appendToStream(client, write));
    if (!connection.isOpen) connection.opening = sending;
    try {
      const answer = await sending;
      connection.isOpen = true;
      return answer;
    } catch (error) {
      // The server's own refusals have a type and no code; an error that ends the connection has a code.
      const { type, code } = toClientFailure(error);
      connection.isOpen = type !== undefined && code === undefined;
      throw error;
    } finally {
      if (connection.opening === sending) connection.opening = undefined;
    }
  };
};
