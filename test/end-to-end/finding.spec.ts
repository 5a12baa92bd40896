// Contents are searched in a thread of its own, which reads the log by itself.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.dispose());

type Found = {
  messages: { nodes: { id: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
};
const ask =
  'query ($data: JSON!, $after: String) { messages(first: 2, after: $after, filter: { data: $data }) { nodes { id } pageInfo { hasNextPage endCursor } } }';

it('finds messages by content, page by page, also those that came after the thread began', async () => {
  const publish = async (from: number, count: number) =>
    server.publish(
      Array.from({ length: count }, (_, n) => ({ type: 'order.made', data: { order: { number: from + n, even: (from + n) % 2 === 0 } } })),
    );
  const first = await publish(0, 200);
  const shows = async (id: string | undefined) => {
    for (;;) {
      const { message } = await server.graphql<{ message: object | null }>('query ($id: ID!) { message(id: $id) { id } }', { id });
      if (message) return;
    }
  };
  await shows(first.at(-1)?.id);
  /** All pages: how far one goes depends on how busy the machine is. */
  const find = async (data: object): Promise<string[]> => {
    const found: string[] = [];
    for (let after: string | null = null; ;) {
      const { messages }: Found = await server.graphql<Found>(ask, { data, after });
      found.push(...messages.nodes.map(({ id }) => id));
      if (!messages.pageInfo.hasNextPage) return found;
      after = messages.pageInfo.endCursor;
    }
  };
  expect(await find({ 'order.number': 17 })).toEqual([first[17]?.id]);

  const later = await publish(200, 3);
  await shows(later.at(-1)?.id);
  expect(await find({ order: { number: { $gte: 195 }, even: false } })).toEqual([
    later[1]?.id,
    first[199]?.id,
    first[197]?.id,
    first[195]?.id,
  ]);
});
