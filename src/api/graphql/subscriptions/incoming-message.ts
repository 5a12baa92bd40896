// Reads the messages of a GraphQL WebSocket by the rules for every JSON body, because the library's own parser changes numbers and merges keys.
import type { GraphQLFormattedError } from 'graphql';
import { CloseCode, MessageType } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { parseStrictJson } from '../../../commands/strict-json.ts';
import { refusalOf } from '../../refusal.ts';
import { isJsonObject } from '../../../domain/json.ts';

/** Answers a message that the rules refuse: with an error of its operation if it starts one, otherwise by closing. @returns undefined if it did */
export const readMessage = (
  socket: WebSocket,
  data: Buffer,
  format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError,
): unknown => {
  try {
    return parseStrictJson(data);
  } catch (error) {
    const refusal = refusalOf(error);
    if (!refusal) throw error;
    const id = idOfOperation(data);
    if (id === undefined) socket.close(CloseCode.BadRequest, 'Invalid message received');
    else socket.send(JSON.stringify({ type: MessageType.Error, id, payload: [format({ message: refusal.message }, refusal)] }));
    return undefined;
  }
};

/** The id of the operation that a message starts; undefined if it starts none or is not JSON. */
const idOfOperation = (data: Buffer): string | undefined => {
  try {
    const message: unknown = JSON.parse(data.toString());
    if (!isJsonObject(message) || message['type'] !== MessageType.Subscribe) return undefined;
    return typeof message['id'] === 'string' ? message['id'] : undefined;
  } catch {
    return undefined;
  }
};
