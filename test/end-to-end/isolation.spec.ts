// Isolation, generated from the schema: whatever a caller of one organization asks or does with the ids of another's, nothing of the other appears or changes.
// Every query, mutation and subscription of the schema is called with them, so an operation that is added is tested without a line here.
import {
  buildClientSchema,
  getIntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  isUnionType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type IntrospectionQuery,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let platform: Client;
let schema: GraphQLSchema;
/** Texts that stand only in data of B: its ids, and what its people wrote. */
let secrets: string[];
let idsOfB: Readonly<Record<string, string>>;
const callers = new Map<string, Client>();

const text = (query: string) => query.replaceAll(/\s+/g, ' ');

/** An organization with one of each: endpoint, message, delivery, event type, source-like names, and keys. Everything in it says its name. */
const furnish = async (id: string): Promise<Record<string, string>> => {
  await platform.query('mutation ($i: OrganizationInput!) { createOrganization(input: $i) { id } }', { i: { id, name: `name-of-${id}` } });
  const client = new Client(server, server.adminKey, id);
  const endpoint = await client.createEndpoint({
    name: `endpoint-of-${id}`,
    url: `http://127.0.0.1:9/url-of-${id}`,
    secret: `secret-of-${id}`,
    eventTypes: [`type-of-${id}.made`],
  });
  await client.act('pauseEndpoint', endpoint);
  await client.query('mutation ($i: EventTypeInput!) { defineEventType(input: $i) { name } }', {
    i: { name: `type-of-${id}.made`, description: `description-of-${id}` },
  });
  const response = await client.post('/v1/messages', {
    id: `client-id-of-${id}`,
    type: `type-of-${id}.made`,
    data: { is: `data-of-${id}` },
  });
  const published = (await response.json()) as { messages: { id: string }[] };
  const [delivery] = await eventually(
    () => client.deliveries({ messageId: published.messages[0]?.id }),
    (all) => all.length === 1,
  );
  const issued = await client.issueKey('ADMIN');
  callers.set(id, issued.client);
  return { organization: id, endpoint, message: published.messages[0]?.id ?? '', delivery: delivery?.id ?? '', apiKey: issued.id };
};

beforeAll(async () => {
  server = await startServer();
  platform = new Client(server);
  await furnish('org-a');
  idsOfB = await furnish('org-b');
  secrets = ['-of-org-b', ...Object.values(idsOfB)];
  const { data } = await platform.ask(getIntrospectionQuery());
  schema = buildClientSchema(data as unknown as IntrospectionQuery);
});
afterAll(() => server.dispose());

/** With a key of that organization. */
const clientOf = (id: string): Client => {
  const client = callers.get(id);
  if (!client) throw new Error(`There is no key of ${id}.`);
  return client;
};

// ── Operations from the schema ──

/** Selections that ask for every field up to this depth, without arguments. */
const deep = 2;

const selection = (type: GraphQLOutputType, depth: number): string => {
  if (isNonNullType(type) || isListType(type)) return selection(type.ofType, depth);
  if (isScalarType(type) || isEnumType(type)) return '';
  if (depth < 0) return '{ __typename }';
  const types = isUnionType(type) ? type.getTypes() : isObjectType(type) ? [type] : [];
  const parts = types.map((each) => `... on ${each.name} { ${fieldsOf(each, depth).join(' ')} }`);
  return `{ __typename ${parts.join(' ')} }`;
};
const fieldsOf = (type: GraphQLObjectType, depth: number): string[] =>
  Object.values(type.getFields())
    .filter(({ args }) => !args.some(isRequired))
    .map((field) => `${aliasOf(type.name, field)} ${selection(field.type, depth - 1)}`);
/** Fields of one name and several types can't be asked for in one union. */
const aliasOf = (type: string, { name }: GraphQLField<unknown, unknown>) => `${type}_${name}: ${name}`;
const isRequired = (argument: GraphQLArgument) => isNonNullType(argument.type) && argument.defaultValue === undefined;

/** A value for an argument or input field: an id of B wherever an id or a text may be one. */
const valueOf = (type: GraphQLInputType, id: string, depth = 0): unknown => {
  if (isNonNullType(type)) return valueOf(type.ofType, id, depth);
  if (isListType(type)) return [valueOf(type.ofType, id, depth)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type))
    return Object.fromEntries(
      Object.values(type.getFields()).flatMap((field) =>
        isNonNullType(field.type) || (depth < 1 && /id$/i.test(field.name)) ? [[field.name, valueOf(field.type, id, depth + 1)]] : [],
      ),
    );
  switch (type.name) {
    case 'ID':
      return id;
    case 'Int':
      return 10;
    case 'Float':
      return 1;
    case 'Boolean':
      return false;
    case 'DateTime':
      return '2026-01-01T00:00:00.000Z';
    case 'JSON':
      return {};
    default:
      return id;
  }
};

type Operation = { readonly name: string; readonly kind: 'query' | 'mutation'; readonly field: GraphQLField<unknown, unknown> };
const operations = (): Operation[] =>
  (['query', 'mutation'] as const).flatMap((kind) => {
    const type = kind === 'query' ? schema.getQueryType() : schema.getMutationType();
    return Object.values(type?.getFields() ?? {}).map((field) => ({ name: field.name, kind, field }));
  });

const requestOf = ({ kind, field }: Operation, id: string, depth: number) => {
  const used = field.args.filter((each) => isRequired(each) || /id$|^text$|^search$/i.test(each.name));
  const variables = Object.fromEntries(used.map(({ name, type }) => [name, valueOf(type, id)]));
  const declared = used.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
  const passed = used.map(({ name }) => `${name}: $${name}`).join(', ');
  const query = `${kind} ${declared === '' ? '' : `(${declared})`} { ${field.name}${passed === '' ? '' : `(${passed})`} ${selection(field.type, depth)} }`;
  return { query: text(query), variables };
};

/** The answer of the deepest selection that costs no more than an operation may. */
const answerTo = async (client: Client, operation: Operation, id: string): Promise<string> => {
  for (let depth = deep; depth >= 0; depth--) {
    const { query, variables } = requestOf(operation, id, depth);
    const answer = await client.ask(query, variables);
    if (depth === 0 || !/costs|would|too many|deep|complex/i.test(JSON.stringify(answer.errors ?? ''))) return JSON.stringify(answer);
  }
  return '';
};

/** What the caller said may come back in the answer; what else is B's may not. */
const leaked = (answer: string, said: string): string[] =>
  secrets.filter((each) => each !== said && answer.replaceAll(said, '').includes(each));

const shownOfB = async () => {
  const client = new Client(server, server.adminKey, 'org-b');
  const { data } = await client.ask(
    `{ organization { id name signingKey limits { endpoints } } endpoints { nodes { id name status url } } eventTypes { name retired }
       messages { nodes { id } } deliveries { nodes { id status attemptCount } } apiKeys { nodes { id revokedAt } } }`,
  );
  return data;
};

it('the same questions of an admin of B show most of it, so the requests ask for what there is', async () => {
  const shown = new Set<string>();
  for (const operation of operations().filter(({ kind }) => kind === 'query'))
    for (const id of Object.values(idsOfB))
      for (const each of leaked(await answerTo(clientOf('org-b'), operation, id), id)) shown.add(each);
  expect([...shown]).toEqual(
    expect.arrayContaining(['-of-org-b', idsOfB['endpoint'], idsOfB['message'], idsOfB['delivery'], idsOfB['apiKey']]),
  );
});

describe("an admin of another organization, with B's ids,", () => {
  it('learns nothing of B by any operation, and changes nothing of it', { timeout: 120_000 }, async () => {
    const before = await shownOfB();
    const all = operations();
    expect(all.length).toBeGreaterThan(40);
    const found: string[] = [];
    const client = clientOf('org-a');
    for (const operation of all)
      for (const id of Object.values(idsOfB)) {
        // Its own organization goes on: what it does to itself is not what is tested.
        if (operation.name === 'revokeApiKey' || operation.name === 'rotateEncryptionKey' || operation.name === 'resetSigningKey') continue;
        const answer = await answerTo(client, operation, id);
        for (const each of leaked(answer, id)) found.push(`${operation.name}(${id}) shows ${each}`);
      }
    expect(found).toEqual([]);
    expect(await shownOfB()).toEqual(before);
  });

  it("gets NOT_FOUND or nothing where the id is B's, exactly as where it is nobody's", async () => {
    const nobody = '00000000-0000-4000-8000-000000000000';
    const client = clientOf('org-a');
    for (const operation of operations().filter(({ kind }) => kind === 'query')) {
      if (!operation.field.args.some(({ name }) => name === 'id')) continue;
      for (const id of Object.values(idsOfB)) {
        const [ofB, ofNobody] = [await answerTo(client, operation, id), await answerTo(client, operation, nobody)];
        const plain = (answer: string, said: string) => answer.replaceAll(said, 'ID').replaceAll(/"requestId":"[^"]+"/g, '');
        expect(plain(ofB, id)).toBe(plain(ofNobody, nobody));
      }
    }
  });

  it('is refused B by the header, over REST and GraphQL', async () => {
    const own = await clientOf('org-a').query<{ name: string }>('{ me { name } }');
    expect(own?.name).toBeDefined();
    for (const path of ['/v1/messages', '/graphql']) {
      const response = await fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${(await keyOfA()).key}`,
          'content-type': 'application/json',
          'hookledger-organization': 'org-b',
        },
        body: JSON.stringify(path === '/graphql' ? { query: '{ organization { id } }' } : { type: 'a.b', data: {} }),
      });
      expect([path, response.status, leaked(await response.text(), 'org-b')]).toEqual([path, 403, []]);
    }
  });
});

const keyOfA = () => new Client(server, server.adminKey, 'org-a').issueKey('PUBLISHER');

it('a key that spans sees B only where it names B', async () => {
  const named = new Client(server, server.adminKey, 'org-b');
  const query = '{ endpoints { nodes { name } } messages { nodes { clientId } } }';
  expect(JSON.stringify(await platform.ask(query))).not.toContain('-of-org-b');
  expect(JSON.stringify(await named.ask(query))).toContain('endpoint-of-org-b');
  expect(JSON.stringify(await named.ask(query))).not.toContain('-of-org-a');
});
