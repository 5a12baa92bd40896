// A client of the running server for tests from outside: GraphQL and REST under any key, and waiting for what is to become true.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Refused, type Server } from './server.ts';

const isStarting = (error: unknown) => error instanceof Refused && /is still starting|are being built/.test(error.message);

/**
 * Asks again and again until the answer fits, ever more rarely: each question takes time from what it waits for. A server that starts, and tells
 * to come back, is asked again.
 * @param progress what grows while much is being done; the 30 s begin again whenever it differs
 * @throws with the last answer when it does not within 30 s
 */
export const eventually = async <T>(
  read: () => T | Promise<T>,
  fits: (answer: T) => boolean,
  progress?: (answer: T) => number,
): Promise<T> => {
  let began = Date.now();
  let last: number | undefined;
  for (;;) {
    let answer: T | undefined;
    try {
      answer = await read();
      if (fits(answer)) return answer;
      const now = progress?.(answer);
      if (now !== last) [began, last] = [Date.now(), now];
    } catch (error) {
      if (!isStarting(error) || Date.now() - began > 30_000) throw error;
    }
    const waited = Date.now() - began;
    if (waited > 30_000) throw new Error(`It did not become so within 30 s; the last answer was ${JSON.stringify(answer, null, 2)}`);
    await delay(Math.min(15 + waited / 20, 150));
  }
};

export type Role = 'ADMIN' | 'OPERATOR' | 'PUBLISHER' | 'VIEWER' | 'AUDITOR';
export type GraphQLRefusal = { message: string; extensions: { code: string; issues?: { path: string; message: string }[] } };
type GraphQLAnswer = { data?: Record<string, unknown> | null; errors?: GraphQLRefusal[] };

export type Attempt = {
  number: number;
  startedAt: string;
  durationMs: number;
  url: string;
  responseCode: number | null;
  responseBody: string | null;
  requestHeaders: Record<string, string>;
  requestBody: string | null;
  failure: string | null;
  error: string | null;
};
export type Delivery = {
  id: string;
  status: string;
  test: boolean;
  attemptCount: number;
  nextAttemptAt: string | null;
  endedAt: string | null;
  message: { id: string; eventType: string };
  endpoint: { id: string };
  attempts: Attempt[];
};

export const deliveryFields = `
  id status test attemptCount nextAttemptAt endedAt message { id eventType } endpoint { id }
  attempts { number startedAt durationMs url responseCode responseBody requestHeaders requestBody failure error }`;

export class Client {
  private readonly server: Server;
  private readonly key: string;
  /** For which the calls act. Undefined: that of the key, or `default`. */
  private readonly organization: string | undefined;
  constructor(server: Server, key = server.adminKey, organization?: string) {
    this.server = server;
    this.key = key;
    this.organization = organization;
  }

  private get headers(): Record<string, string> {
    return {
      authorization: `Bearer ${this.key}`,
      ...(this.organization !== undefined && { 'hookledger-organization': this.organization }),
    };
  }

  /** @param body text is sent as it is. */
  post(path: string, body: unknown): Promise<Response> {
    return fetch(`${this.server.url}${path}`, {
      method: 'POST',
      headers: { ...this.headers, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  get(path: string): Promise<Response> {
    return fetch(`${this.server.url}${path}`, { headers: this.headers });
  }

  async ask(query: string, variables: Record<string, unknown> = {}): Promise<GraphQLAnswer> {
    const response = await this.post('/graphql', { query, variables });
    return (await response.json()) as GraphQLAnswer;
  }

  /** @returns the field that was asked for. @throws Refused when the answer carries errors. */
  async query<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const { data, errors } = await this.ask(query, variables);
    const [value] = Object.values(data ?? {});
    if (errors || value === undefined) throw new Refused('A GraphQL request', 200, JSON.stringify(errors));
    return value as T; // as the caller asked for
  }

  /** @returns the first error. @throws when there is none. */
  async refusal(query: string, variables: Record<string, unknown> = {}): Promise<GraphQLRefusal> {
    const { data, errors } = await this.ask(query, variables);
    if (!errors?.[0]) throw new Error(`It should have been refused, and was answered with ${JSON.stringify(data)}`);
    return errors[0];
  }

  async createEndpoint(input: Record<string, unknown>): Promise<string> {
    const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
    return (await this.query<{ id: string }>(mutation, { input: { name: 'An endpoint', ...input } })).id;
  }

  async updateEndpoint(id: string, input: Record<string, unknown>): Promise<void> {
    await this.query('mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { id } }', { id, input });
  }

  /** A mutation that takes an id only. */
  async act(mutation: string, id: string): Promise<void> {
    const selection = /^(delete|revoke)/.test(mutation) ? '' : '{ id }';
    await this.query(`mutation ($id: ID!) { ${mutation}(id: $id) ${selection} }`, { id });
  }

  /** @returns the id of the message. */
  async publish(type: string, data: Record<string, unknown> = {}, more: { id?: string; timestamp?: string } = {}): Promise<string> {
    const [published] = await this.server.publish({ type, data, ...more });
    if (!published) throw new Error('The answer holds no message.');
    return published.id;
  }

  async deliveries(filter: Record<string, unknown>, first = 50): Promise<Delivery[]> {
    const query = `query ($filter: DeliveryFilter, $first: Int) { deliveries(filter: $filter, first: $first) { nodes { ${deliveryFields} } } }`;
    return (await this.query<{ nodes: Delivery[] }>(query, { filter, first })).nodes;
  }

  /** The delivery of a message (to that endpoint), when it has come to that status. */
  async delivery(messageId: string, status: string, endpointId?: string): Promise<Delivery> {
    const filter = { messageId, ...(endpointId === undefined ? {} : { endpointId }) };
    const [found] = await eventually(
      () => this.deliveries(filter),
      (all) => all[0]?.status === status,
    );
    return found as Delivery; // the condition says so
  }

  async issueKey(role: Role): Promise<{ id: string; key: string; client: Client }> {
    const mutation = 'mutation ($name: String!, $role: ApiKeyRole!) { issueApiKey(name: $name, role: $role) { id key } }';
    const { id, key } = await this.query<{ id: string; key: string }>(mutation, { name: `A test's ${role} ${randomUUID()}`, role });
    return { id, key, client: new Client(this.server, key) };
  }
}
