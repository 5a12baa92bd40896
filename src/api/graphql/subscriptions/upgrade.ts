// Which requests to upgrade are ours: GraphQL over WebSockets, at the path of GraphQL. Node serves all others as ordinary requests, so that
// `Upgrade: h2c` gets its HTTP/1.1 answer.
import type { IncomingMessage } from 'node:http';
import { GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws';
import { graphqlPath } from '../path.ts';

const listOf = (header: string | undefined) => (header ?? '').split(',').map((each) => each.trim());

export const isGraphQLUpgrade = ({ method, url, headers }: Pick<IncomingMessage, 'method' | 'url' | 'headers'>): boolean =>
  method === 'GET' &&
  url?.split('?', 1)[0]?.replace(/\/$/, '') === graphqlPath &&
  headers.upgrade?.toLowerCase() === 'websocket' &&
  listOf(headers['sec-websocket-protocol']).includes(GRAPHQL_TRANSPORT_WS_PROTOCOL);
