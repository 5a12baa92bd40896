// Reads the messages of a GraphQL WebSocket by the rules for every JSON body, because the library's own parser changes numbers and merges keys.
import type { GraphQLFormattedError } from 'graphql';
import { CloseCode, MessageType } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { largeJson, parseLargeJson } from '../../../commands/large-json.ts';
import { parseStrictJson } from '../../../commands/strict-json.ts';
import { isJsonObject, type Json } from '../../../domain/json.ts';
import { takeInSlices } from '../../../time-slices.ts';
import { refusalOf } from '../../refusal.ts';

/** Of one socket, in the order in which they arrive. */
export class IncomingMessages {
  /** A large one that is being read, and those behind it. */
  private waiting = 0;
  private last = Promise.resolve();

  /** @param handle gets each message that the rules take */
  constructor(
    private readonly socket: WebSocket,
    private readonly format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError,
    private readonly handle: (message: Json) => void,
  ) {}

  take(data: Buffer): void {
    if (this.waiting === 0 && data.length < largeJson) return this.read(data);
    this.socket.pause(); // it may still emit what it has read
    this.waiting += 1;
    this.last = this.readAfter(this.last, data);
  }

  private async readAfter(before: Promise<void>, data: Buffer): Promise<void> {
    await before;
    if (data.length < largeJson) this.read(data);
    else await this.readInSlices(data);
    this.waiting -= 1;
    if (this.waiting === 0) this.socket.resume();
  }

  private read(data: Buffer): void {
    let message: Json;
    try {
      message = parseStrictJson(data);
    } catch (error) {
      return this.refuse(data, error);
    }
    this.handle(message);
  }

  private async readInSlices(data: Buffer): Promise<void> {
    let message: Json;
    try {
      message = await takeInSlices(parseLargeJson(data));
    } catch (error) {
      return this.refuse(data, error);
    }
    this.handle(message);
  }

  /** With an error of its operation if it starts one, otherwise by closing. */
  private refuse(data: Buffer, error: unknown): void {
    const refusal = refusalOf(error);
    if (!refusal) throw error;
    const id = idOfOperation(data);
    if (id === undefined) this.socket.close(CloseCode.BadRequest, 'Invalid message received');
    else this.socket.send(JSON.stringify({ type: MessageType.Error, id, payload: [this.format({ message: refusal.message }, refusal)] }));
  }
}

/** How clients begin the message that starts an operation. */
const beginning = /^\s*\{\s*"id"\s*:\s*"([^"\\]+)"\s*,\s*"type"\s*:\s*"subscribe"/;

/** The id of the operation that a message starts; undefined if it starts none or is not JSON. Of a large one only the beginning is read. */
const idOfOperation = (data: Buffer): string | undefined => {
  if (data.length >= largeJson) return beginning.exec(data.toString('utf8', 0, 1_000))?.[1];
  try {
    const message: unknown = JSON.parse(data.toString());
    if (!isJsonObject(message) || message['type'] !== MessageType.Subscribe) return undefined;
    return typeof message['id'] === 'string' ? message['id'] : undefined;
  } catch {
    return undefined;
  }
};
