// GraphQL over WebSockets (graphql-transport-ws): who may connect, how much one connection may ask for, and what ends it.
// Limits: see connection-limits.ts. A client that does not take what it is sent is dropped; a connection ends with its key.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable, Inject, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { execute, GraphQLError, Kind, parse, subscribe, validate, type FormattedExecutionResult } from 'graphql';
import { CloseCode, makeServer, type Context, type Server as ProtocolServer, type SubscribePayload } from 'graphql-ws';
import { WebSocketServer, type WebSocket } from 'ws';
import { organizationHeader } from '../../auth/acting-organization.ts';
import { Authentication, Unauthenticated, type AuthenticatedCaller } from '../../auth/authentication.ts';
import { ConsoleSessions } from '../../auth/console-session.ts';
import { FailedAuthentications } from '../../auth/failed-authentications.ts';
import type { ClientAddress } from '../../http/client-address.ts';
import { RateLimit } from '../../http/rate-limit.ts';
import { StartGate } from '../../http/start-gate.ts';
import { StopGate } from '../../http/stop-gate.ts';
import { largestBody, Refusal, refusalOf } from '../../refusal.ts';
import { API_LOG, CLIENT_ADDRESS, COUNT_REFUSAL, type ApiLog, type CountRefusal } from '../../tokens.ts';
import { ApiContexts } from '../context.ts';
import { maxTokens, refusalOfSize } from '../document-size.ts';
import { asGraphQLError, formatGraphQLError } from '../errors.ts';
import { overLimit } from '../limits.ts';
import { Counts, limits } from './connection-limits.ts';
import { IncomingMessages } from './incoming-message.ts';
import { PreparedAnswers } from './prepared-answers.ts';
import { pingWhileAlive, sendInTime } from './unresponsive-clients.ts';
import { isGraphQLUpgrade } from './upgrade.ts';

const initTimeoutMs = 10_000;
/** What a client may send before `connection_init` is accepted. */
const mostBeforeInit = 16 * 1024;
const checkKeysEveryMs = 1_000;
/** In bytes, of a message that is ASCII. */
const longestReason = 123;

type Connection = {
  readonly socket: WebSocket;
  readonly address: string;
  readonly request: IncomingMessage;
  readonly answers: PreparedAnswers;
  caller: AuthenticatedCaller | undefined;
  /** Ids of those that run. */
  readonly operations: Set<string>;
  /** The last check found the key revoked. The next one closes the connection, so that running subscriptions can answer with the error first. */
  isRevoked: boolean;
};
type Extra = { readonly connection: Connection };

@Injectable()
export class SubscriptionServer implements OnApplicationBootstrap {
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: largestBody });
  private readonly connections = new Set<Connection>();
  private readonly byAddress = new Counts();
  private readonly byKey = new Counts();
  private readonly operations = new Counts();
  private readonly format: ReturnType<typeof formatGraphQLError>;
  private protocol: ProtocolServer<Extra> | undefined;
  private checking: NodeJS.Timeout | undefined;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly schemaHost: GraphQLSchemaHost,
    private readonly contexts: ApiContexts,
    private readonly authentication: Authentication,
    private readonly sessions: ConsoleSessions,
    private readonly failures: FailedAuthentications,
    private readonly rateLimit: RateLimit,
    private readonly gate: StartGate,
    private readonly stopGate: StopGate,
    @Inject(CLIENT_ADDRESS) private readonly addressOf: ClientAddress,
    @Inject(API_LOG) private readonly log: ApiLog,
    @Inject(COUNT_REFUSAL) countRefusal: CountRefusal,
  ) {
    this.format = formatGraphQLError(log, countRefusal);
  }

  onApplicationBootstrap(): void {
    this.protocol = makeServer<Record<string, unknown>, Extra>({
      schema: this.schemaHost.schema,
      execute,
      subscribe,
      context: ({ extra: { connection } }) => this.contexts.of(callerOf(connection), connection.request.headers),
      connectionInitWaitTimeout: initTimeoutMs,
      onConnect: (context) => this.admit(context),
      onSubscribe: ({ extra }, id, payload) => this.begin(extra.connection, id, payload),
      onComplete: ({ extra }, id) => this.end(extra.connection, id),
      onNext: ({ extra: { connection } }, _, __, ___, result) => connection.answers.prepare(this.formatted(result, connection)),
      onError: ({ extra }, id, _, errors) => {
        this.end(extra.connection, id);
        return errors.map((error) => this.format(error.toJSON(), error, extra.connection.caller?.correlationId));
      },
    });
    const server = this.host.httpAdapter.getHttpServer() as Server;
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.upgrade(request, socket, head));
    this.checking = setInterval(() => this.endRevoked(), checkKeysEveryMs).unref();
    this.stopGate.closed.addEventListener('abort', () => this.stop());
  }

  /** Before anything else stops: others wait until all connections are closed. */
  private stop(): void {
    clearInterval(this.checking);
    for (const { socket } of this.connections) {
      socket.close(1001, 'The server is stopping.');
      setTimeout(() => socket.terminate(), 500).unref();
    }
  }

  // ── Connections ──

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (!isGraphQLUpgrade(request)) return void socket.destroy(); // Node asks only for ours
    const address = this.addressOf(request);
    if (this.stopGate.closed.aborted) return void socket.destroy();
    if (this.connections.size >= limits.connections || this.byAddress.of(address) >= limits.connectionsPerAddress) {
      const body = 'Too many WebSockets are open; close some, or try again later.\n';
      const head = 'HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-type: text/plain\r\n';
      return void socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    }
    this.sockets.handleUpgrade(request, socket, head, (webSocket) => this.open(webSocket, request, address));
  }

  private open(socket: WebSocket, request: IncomingMessage, address: string): void {
    const answers = new PreparedAnswers();
    const connection: Connection = { socket, address, request, answers, caller: undefined, operations: new Set(), isRevoked: false };
    this.connections.add(connection);
    this.byAddress.add(address, 1);
    socket.on('error', () => socket.terminate()); // cut off, or a frame that is too large
    this.watchBeforeInit(connection);
    const closed = this.protocol?.opened(
      {
        protocol: socket.protocol,
        send: (data) => sendInTime(socket, answers.fill(data)),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (handle) => {
          const messages = new IncomingMessages(socket, this.format, (message) => {
            // The library takes what is no text as parsed already.
            handle(message as string).catch((error: unknown) => {
              if (socket.readyState !== socket.OPEN) return; // it was cut off meanwhile
              this.log.error({ err: error }, 'A WebSocket message failed');
              socket.close(CloseCode.InternalServerError, 'Internal server error');
            });
          });
          socket.on('message', (data: Buffer) => messages.take(data));
        },
      },
      { connection },
    );
    const pinging = pingWhileAlive(socket);
    socket.once('close', (code, reason) => {
      clearInterval(pinging);
      this.connections.delete(connection);
      this.byAddress.add(address, -1);
      for (const id of connection.operations) this.end(connection, id);
      if (connection.caller) this.byKey.add(connection.caller.keyHash, -1);
      void closed?.(code, String(reason));
    });
  }

  /** Counts bytes as they arrive, as a frame is handed on only when it is complete. */
  private watchBeforeInit(connection: Connection): void {
    const { socket: stream } = connection.request;
    const atFirst = stream.bytesRead;
    const count = () => {
      if (connection.caller) stream.off('data', count);
      else if (stream.bytesRead - atFirst > mostBeforeInit) connection.socket.terminate();
    };
    stream.on('data', count);
  }

  /** @returns false closes the connection with 4403 */
  private async admit({ extra: { connection }, connectionParams }: Context<Record<string, unknown>, Extra>): Promise<boolean> {
    const { headers } = connection.request;
    const authorization = headers.authorization ?? authorizationIn(connectionParams ?? {});
    const organization = headers[organizationHeader] ?? organizationIn(connectionParams ?? {});
    try {
      await this.gate.pass();
      const keyHash = authorization === undefined ? this.sessions.keyHashOfSocket(headers) : undefined;
      const caller = await this.authentication.whenKnown({ authorization, keyHash, organization }, randomUUID());
      if (this.byKey.of(caller.keyHash) >= limits.connectionsPerKey) {
        connection.socket.close(
          CloseCode.TooManyInitialisationRequests,
          `An API key may have ${limits.connectionsPerKey} WebSockets open.`,
        );
        return true;
      }
      connection.caller = caller;
      this.byKey.add(caller.keyHash, 1);
      return true;
    } catch (error) {
      if (error instanceof Unauthenticated) await this.failures.record(error, error.failure, connection.address, randomUUID());
      const refusal = refusalOf(error);
      if (!refusal) throw error;
      if (refusal.code !== 'UNAUTHENTICATED') connection.socket.close(CloseCode.Forbidden, refusal.message.slice(0, longestReason));
      return false;
    }
  }

  private endRevoked(): void {
    for (const connection of this.connections) {
      const refusal = connection.caller && this.authentication.refusalNow(connection.caller);
      if (refusal?.code === 'UNAUTHENTICATED' && connection.isRevoked) connection.socket.close(CloseCode.Forbidden, refusal.message);
      connection.isRevoked = refusal?.code === 'UNAUTHENTICATED';
    }
  }

  // ── Operations ──

  /** @returns errors refuse the operation, before it runs */
  private async begin(
    connection: Connection,
    id: string,
    { query, operationName, variables }: SubscribePayload,
  ): Promise<readonly GraphQLError[] | void> {
    const caller = callerOf(connection);
    const { schema } = this.schemaHost;
    try {
      this.stopGate.pass();
      await this.rateLimit.count(caller);
      this.checkOperations(connection, caller);
      const document = parse(query, { maxTokens });
      const refusal = refusalOfSize(document);
      if (refusal) return [refusal];
      const errors = validate(schema, document);
      if (errors.length > 0) return errors;
      for (const definition of document.definitions) {
        if (definition.kind !== Kind.OPERATION_DEFINITION || (operationName && definition.name?.value !== operationName)) continue;
        const error = overLimit(schema, document, definition, variables ?? {});
        if (error) return [error];
      }
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal) return [asGraphQLError(refusal)];
      if (error instanceof GraphQLError) return [error];
      throw error;
    }
    connection.operations.add(id);
    this.operations.add(caller.keyHash, 1);
    return undefined;
  }

  private checkOperations(connection: Connection, { keyHash }: AuthenticatedCaller): void {
    if (connection.operations.size >= limits.operationsPerConnection)
      throw tooMany(`A WebSocket may carry ${limits.operationsPerConnection} operations at a time; complete some first.`);
    if (this.operations.of(keyHash) >= limits.operationsPerKey || this.operations.total >= limits.operations)
      throw tooMany('Too many operations run over WebSockets; complete some first, or try again later.');
  }

  private end({ caller, operations }: Connection, id: string): void {
    if (caller && operations.delete(id)) this.operations.add(caller.keyHash, -1);
  }

  private formatted({ errors, data, extensions }: FormattedResult, { caller }: Connection): FormattedExecutionResult {
    return {
      ...(errors && { errors: errors.map((error) => this.format(error.toJSON(), error, caller?.correlationId)) }),
      ...(data !== undefined && { data }),
      ...(extensions && { extensions }),
    };
  }
}

type FormattedResult = {
  readonly errors?: readonly GraphQLError[] | undefined;
  readonly data?: Record<string, unknown> | null | undefined;
  readonly extensions?: Record<string, unknown> | undefined;
};

const tooMany = (sentence: string) => new Refusal('TOO_MANY_REQUESTS', sentence);

/** Operations come after `connection_init`, which sets the caller. */
const callerOf = ({ caller }: Connection): AuthenticatedCaller => {
  if (!caller) throw new Error('An operation began before the connection was admitted.');
  return caller;
};

/** No organization has an empty name, so anything but text names none. */
const organizationIn = ({ organization }: Readonly<Record<string, unknown>>): string | undefined =>
  organization === undefined || organization === null ? undefined : typeof organization === 'string' ? organization : '';

/** `{authorization}`, `{Authorization}` or `{headers: {…}}`, as clients and playgrounds send it. */
const authorizationIn = (params: Readonly<Record<string, unknown>>): string | undefined => {
  const headers: Record<string, unknown> = typeof params['headers'] === 'object' ? { ...params['headers'] } : {};
  const found = [params['authorization'], params['Authorization'], headers['authorization'], headers['Authorization']];
  return found.find((value): value is string => typeof value === 'string');
};
