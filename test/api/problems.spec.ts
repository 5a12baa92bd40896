// Errors that machines can use: every refusal names its type, its request and the field; every path says which methods it takes.
import { readFileSync } from 'node:fs';
import { METHODS, request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isNonNullType,
  isObjectType,
  isScalarType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { problemCodes } from '../../src/api/problem.ts';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  requestId: string;
  issues?: { path: string; message: string }[];
};
type Answer = { status: number; headers: IncomingHttpHeaders; body: string };

const send = (method: string, path: string, headers: Record<string, string> = {}, body = '') =>
  new Promise<Answer>((resolve, reject) => {
    const sent = request(api.url + path, { method, headers: { authorization: `Bearer ${api.keys.ADMIN}`, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });

/** Checks what every problem document has. */
const problemIn = ({ status, headers, body }: Answer): Problem => {
  expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
  const problem = JSON.parse(body) as Problem;
  expect(problem).toMatchObject({
    status,
    requestId: headers['x-request-id'],
    type: expect.stringMatching(/^urn:hookledger:problem:[a-z-]+$/),
  });
  return problem;
};

it('every type of problem has a section in docs/problems.md', () => {
  const headings = Array.from(readFileSync('docs/problems.md', 'utf8').matchAll(/^## (.+)$/gm), ([, heading]) => heading);
  expect(new Set(headings)).toEqual(new Set(problemCodes.map((code) => code.toLowerCase().replaceAll('_', '-'))));
});

describe('over HTTP', () => {
  const json = { 'content-type': 'application/json' };

  it.each<[string, () => Promise<Answer>, string]>([
    ['no route', () => send('GET', '/nothing'), 'not-found'],
    ['no key', () => send('POST', '/v1/messages', { ...json, authorization: '' }, '{}'), 'unauthenticated'],
    ['another role', () => send('POST', '/v1/messages', { ...json, authorization: `Bearer ${api.keys.VIEWER}` }, '{}'), 'forbidden'],
    ['no JSON', () => send('POST', '/v1/messages', json, '{'), 'bad-user-input'],
    ['another type', () => send('POST', '/v1/messages', { 'content-type': 'text/plain' }, 'x'), 'unsupported-media-type'],
    ['an invalid field', () => send('POST', '/v1/messages', json, '{"type": "", "data": {}}'), 'bad-user-input'],
    ['a path that is no URL', () => send('GET', '/%zz'), 'bad-user-input'],
  ])('%s is a problem document', async (_, ask, type) => {
    expect(problemIn(await ask()).type).toBe(`urn:hookledger:problem:${type}`);
  });

  it("takes the caller's request id over", async () => {
    expect(problemIn(await send('GET', '/nothing', { 'x-request-id': 'mine-1' })).requestId).toBe('mine-1');
  });

  it.each(['/v1/messages', '/health/live', '/health/ready', '/metrics'])(
    '%s answers 405 with Allow to every method but its own',
    async (path) => {
      const allowed = api.app.getHttpAdapter().getInstance().methodsOf(path) as string[];
      expect(allowed.length).toBeGreaterThan(0);
      const types = new Set<string>();
      for (const method of METHODS.filter((each) => each !== 'CONNECT' && !allowed.includes(each))) {
        const answer = await send(method, path);
        expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, allowed.join(', ')]);
        if (method !== 'HEAD') types.add(problemIn(answer).type);
      }
      expect([...types]).toEqual(['urn:hookledger:problem:method-not-allowed']);
    },
  );

  it('/graphql answers 405 with Allow as a GraphQL error', async () => {
    const { status, headers, body } = await send('DELETE', '/graphql');
    expect([status, headers.allow]).toEqual([405, expect.stringContaining('POST')]);
    expect(JSON.parse(body)).toMatchObject({
      errors: [{ extensions: { code: 'METHOD_NOT_ALLOWED', requestId: headers['x-request-id'] } }],
    });
  });

  it.each([
    ['bytes that are no HTTP', 'HELLO\r\n\r\n', 400],
    ['headers over 16 KiB', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ])('%s get a problem document', async (_, bytes, status) => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(api.url).port), '127.0.0.1', () => socket.write(bytes));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    const problem = JSON.parse(body) as Problem;
    expect(problem).toMatchObject({ status, type: expect.stringContaining('urn:hookledger:problem:') });
    expect(head).toContain(`x-request-id: ${problem.requestId}`);
  });
});

describe('over GraphQL', () => {
  const errorsOf = async (query: string, variables: Record<string, unknown> = {}) => {
    const response = await api.post('/graphql', JSON.stringify({ query, variables }));
    const { errors = [] } = (await response.json()) as { errors?: { message: string; extensions: Problem & { code: string } }[] };
    for (const { extensions } of errors) {
      expect(extensions).toMatchObject({ requestId: response.headers.get('x-request-id') });
      expect(extensions.type).toBe(`urn:hookledger:problem:${extensions.code.toLowerCase().replaceAll('_', '-')}`);
    }
    return errors;
  };
  const pathsOf = async (query: string, variables: Record<string, unknown> = {}) =>
    (await errorsOf(query, variables)).flatMap(({ extensions }) => extensions.issues?.map(({ path }) => path));

  it.each<[string, string, Record<string, unknown>, string[]]>([
    ['a literal DateTime', '{ messages(since: "yesterday") { nodes { id } } }', {}, ['since']],
    ['a DateTime in an input', '{ deliveries(filter: {since: "now"}) { nodes { id } } }', {}, ['filter.since']],
    ['a variable DateTime', 'query ($s: DateTime) { messages(since: $s) { nodes { id } } }', { s: 'yesterday' }, ['s']],
    [
      'a DateTime in a variable',
      'query ($f: DeliveryFilter) { deliveries(filter: $f) { nodes { id } } }',
      { f: { since: 1 } },
      ['f.since'],
    ],
    ['an unknown field', '{ endpoints { nodes { nmae } } }', {}, ['endpoints.nodes.nmae']],
    ['an unknown field in a fragment', '{ endpoints { nodes { ...f } } } fragment f on Endpoint { nmae }', {}, ['nmae']],
    ['an unknown argument', '{ endpoints(frist: 1) { nodes { id } } }', {}, ['frist']],
    ['an unknown input field', '{ deliveries(filter: {nope: 1}) { nodes { id } } }', {}, ['filter.nope']],
    [
      'an unknown field of a variable',
      'query ($f: DeliveryFilter) { deliveries(filter: $f) { nodes { id } } }',
      { f: { nope: 1 } },
      ['f.nope'],
    ],
    ['a missing argument', '{ endpoint { id } }', {}, ['id']],
    ['a missing field', 'mutation ($i: EndpointInput!) { createEndpoint(input: $i) { id } }', { i: { name: 'a' } }, ['i.url']],
    ['a missing field of a literal', 'mutation { createEndpoint(input: {name: "a"}) { id } }', {}, ['input.url']],
    ['a missing variable', 'query ($id: ID!) { endpoint(id: $id) { id } }', {}, ['id']],
    [
      'an entry of a list',
      'mutation { createEndpoint(input: {name: "a", url: "u", eventTypes: ["*", 1]}) { id } }',
      {},
      ['input.eventTypes.1'],
    ],
    ['a value of an enum', '{ endpoints(status: ASLEEP) { nodes { id } } }', {}, ['status']],
    ['JSON', 'mutation { publishMessages(messages: [{type: "a", data: {b: C}}]) { id } }', {}, ['messages.0.data']],
  ])('%s is named by its path', async (_, query, variables, paths) => {
    expect(await pathsOf(query, variables)).toEqual(paths);
  });

  it('names the argument for a wrong value of every argument that there is, as a literal and as a variable', async () => {
    const { schema } = api.app.get(GraphQLSchemaHost, { strict: false });
    const roots = [schema.getQueryType(), schema.getMutationType()].filter((type) => type !== null && type !== undefined);
    const missing: string[] = [];
    for (const root of roots)
      for (const field of Object.values(root.getFields()))
        for (const argument of field.args) {
          const wrong = wrongValueOf(argument.type);
          if (wrong === undefined) continue;
          const operation = root.name.toLowerCase();
          const others = field.args.filter((each) => each !== argument && isNonNullType(each.type));
          const call = (value: string, declared: string) => {
            const variables = [declared, ...others.map((each) => `$${each.name}_: ${String(each.type)}`)].filter((part) => part !== '');
            const given = [`${argument.name}: ${value}`, ...others.map((each) => `${each.name}: $${each.name}_`)].join(', ');
            return `${operation}${variables.length > 0 ? ` (${variables.join(', ')})` : ''} { ${field.name}(${given}) ${selectionOf(field)} }`;
          };
          const literal = await pathsOf(call(wrong.literal, ''));
          if (!literal.some((path) => path?.split('.')[0] === argument.name))
            missing.push(`${field.name}(${argument.name}: ${wrong.literal}): ${literal.join()}`);
          const declared = `$${argument.name}: ${String(argument.type)}`;
          const paths = await pathsOf(call(`$${argument.name}`, declared), { [argument.name]: wrong.json });
          if (paths.some((path) => path === '' || path === undefined) || paths.length === 0)
            missing.push(`${field.name}($${argument.name}): ${paths.join()}`);
        }
    expect(missing).toEqual([]);
  });

  it('says under which id the log has an internal error', async () => {
    vi.spyOn(api.store, 'append').mockRejectedValueOnce(new Error('inner detail'));
    const [error] = await errorsOf('mutation { publishMessages(messages: [{type: "a.b", data: {}}]) { id } }');
    expect(error).toMatchObject({ extensions: { code: 'INTERNAL_SERVER_ERROR' } });
    expect(error?.message).toContain(error?.extensions.requestId);
    expect(api.failures.at(-1)).toMatchObject({ requestId: error?.extensions.requestId });
  });

  it.each([['endpointId'], ['messageId']])('a bulk retry by an unknown %s says so', async (field) => {
    const [error] = await errorsOf('mutation ($f: DeliveryFilter!) { retryDeliveries(filter: $f) { matched } }', {
      f: { [field]: 'none-such' },
    });
    expect(error).toMatchObject({ message: expect.stringContaining('none-such'), extensions: { code: 'NOT_FOUND' } });
  });
});

/** A value that no such argument takes; undefined for types that take anything. */
const wrongValueOf = (type: GraphQLInputType): { literal: string; json: unknown } | undefined => {
  const named = getNamedType(type);
  if (isInputObjectType(named)) return { literal: '{noSuchField: 1}', json: { noSuchField: 1 } };
  if (isEnumType(named)) return { literal: 'NO_SUCH_VALUE', json: 'NO_SUCH_VALUE' };
  if (!isScalarType(named) || named.name === 'JSON') return undefined;
  return { literal: '{a: 1}', json: { a: 1 } };
};

const selectionOf = ({ type }: GraphQLField<unknown, unknown> & { args: readonly GraphQLArgument[] }) =>
  isObjectType(getNamedType(type)) ? '{ __typename }' : '';
