// The client for one purpose (appending, reading, following), connected to a node that serves it. A client whose connection is lost is not used
// again: the next call looks for the node and connects to it, so a call never waits for a node that has gone.
// Guarantee: calls for one purpose do not lose their connection because calls for another one lost theirs.
import type { DbClient } from './db-client.ts';
import { toClientFailure } from './db-client.ts';

export class NodeClient {
  readonly #connect: () => Promise<DbClient>;
  #client: Promise<DbClient> | undefined;

  constructor(connect: () => Promise<DbClient>) {
    this.#connect = connect;
  }

  /** Calls `work` with the client. A caller that needs the client for longer reports a failed connection with `lost`. */
  async use<T>(work: (client: DbClient, lost: (error: unknown) => void) => Promise<T> | T): Promise<T> {
    const connecting = (this.#client ??= this.#connect());
    const forget = () => {
      if (this.#client === connecting) this.#client = undefined;
    };
    const client = await connecting.catch((error: unknown) => {
      forget();
      throw error;
    });
    const lost = (error: unknown) => {
      if (isConnectionLost(error)) forget();
    };
    try {
      return await work(client, lost);
    } catch (error) {
      lost(error);
      throw error;
    }
  }
}

/** gRPC's codes for a call that ended without the server's own answer: cancelled, unknown, internal, unavailable. */
const codesOfLostConnections = new Set([1, 2, 13, 14]);

/** An error with a type and no code is an answer of the server; with neither, nobody could be found. The client itself goes to a leader it was told. */
const isConnectionLost = (error: unknown): boolean => {
  const { type, code } = toClientFailure(error);
  if (type === 'not-leader') return false;
  return code === undefined ? type === undefined : codesOfLostConnections.has(code);
};
