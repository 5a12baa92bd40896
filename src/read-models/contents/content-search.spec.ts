import { describe, expect, it } from 'vitest';
import { asMessageId, asOrganizationId, asPosition } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { MessageView } from '../queries/message-queries.ts';
import type { PageRequest } from '../queries/page.ts';
import { ContentSearch } from './content-search.ts';
import { matchContents, type ContentMatcher } from './match-contents.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { messageStream } from '../../domain/streams.ts';

const organization = asOrganizationId('default');
const viewOf = (n: number): MessageView => ({
  id: asMessageId(`m${n}`),
  organizationId: organization,
  clientId: null,
  eventType: 'order.made',
  orderingKey: null,
  timestamp: new Date(n).toISOString(),
  acceptedAt: new Date(n).toISOString(),
  position: asPosition(String(n)),
  destinations: 0,
  skipped: [],
  test: false,
});

/** Messages with the numbers from 1 to `count`, the last one first. */
const messagesOf =
  (count: number) =>
  async ({ first, after }: PageRequest) => {
    const next = after ? Number(after) - 1 : count;
    const edges = Array.from({ length: Math.min(first, next) }, (_unused, i) => ({ cursor: String(next - i), node: viewOf(next - i) }));
    return { edges, hasNextPage: next > first, hasPreviousPage: false, endCursor: edges.at(-1)?.cursor ?? null };
  };
/** Every message whose number is a multiple of `step` matches. */
const multiplesOf = (step: number, most = Infinity, ms = 0): ContentMatcher & { asked: number } => ({
  asked: 0,
  async match({ ids }) {
    const some = ids.slice(0, most);
    this.asked += some.length;
    return { matching: some.filter((id) => Number(id.slice(1)) % step === 0), looked: some.length, ms };
  },
});
const content = { pattern: '{}', masked: false };
const numbers = ({ edges }: { edges: readonly { node: MessageView }[] }) => edges.map(({ node }) => Number(node.id.slice(1)));

describe('a search by content', () => {
  it('fills its page with the newest, and goes on from the last of them', async () => {
    const search = new ContentSearch(multiplesOf(10));
    const page = await search.page(messagesOf(1000), { first: 3 }, content);
    expect(numbers(page)).toEqual([1000, 990, 980]);
    expect(page).toMatchObject({ hasNextPage: true, endCursor: '980', searchedUntil: viewOf(980).acceptedAt });
    expect(numbers(await search.page(messagesOf(1000), { first: 2, after: page.endCursor }, content))).toEqual([970, 960]);
  });

  it('comes to each message once over its pages, whatever the budget of a page', async () => {
    for (const [first, messages] of [
      [7, 100],
      [200, 64],
      [1, 1],
    ] as const) {
      const matcher = multiplesOf(9);
      const search = new ContentSearch(matcher, { messages, ms: 60_000 });
      const all: number[] = [];
      for (let after: string | null = null; ;) {
        const page = await search.page(messagesOf(300), { first, after }, content);
        all.push(...numbers(page));
        after = page.endCursor;
        expect(page.searchedUntil === null).toBe(!page.hasNextPage);
        if (!page.hasNextPage) break;
      }
      expect(all).toEqual(Array.from({ length: 33 }, (_, i) => (33 - i) * 9));
    }
  });

  it('ends when its budget of messages is spent, also with an empty page, and its cursor goes on', async () => {
    const matcher = multiplesOf(999_983);
    const page = await new ContentSearch(matcher, { messages: 600, ms: 60_000 }).page(messagesOf(5000), { first: 5 }, content);
    expect(matcher.asked).toBe(600);
    expect(page).toEqual({
      edges: [],
      hasPreviousPage: false,
      hasNextPage: true,
      endCursor: '4401',
      searchedUntil: viewOf(4401).acceptedAt,
    });
  });

  it('ends when its time is spent, having looked at one at least', async () => {
    const page = await new ContentSearch(multiplesOf(7, 1, 5), { messages: 1000, ms: 5 }).page(messagesOf(100), { first: 5 }, content);
    expect(page).toEqual({ edges: [], hasPreviousPage: false, hasNextPage: true, endCursor: '100', searchedUntil: viewOf(100).acceptedAt });
  });

  it('has looked at all when nothing is left', async () => {
    expect(await new ContentSearch(multiplesOf(1)).page(messagesOf(0), { first: 5 }, content)).toEqual({
      edges: [],
      hasNextPage: false,
      hasPreviousPage: false,
      endCursor: null,
      searchedUntil: null,
    });
    expect(await new ContentSearch(multiplesOf(1)).page(messagesOf(3), { first: 3 }, content)).toMatchObject({
      hasNextPage: false,
    });
  });
});

describe('matching contents', () => {
  const store = new MemoryEventStore();
  const ids = Array.from({ length: 40 }, (_, n) => asMessageId(`c${n}`));
  const dataOf = (n: number): JsonObject => ({ order: { number: `A-${n}`, lines: [n, n + 1] }, password: `secret-${n}` });
  for (const [n, id] of ids.entries())
    store.record({
      stream: messageStream(id),
      event: {
        type: 'message.accepted',
        data: {
          organizationId: organization,
          type: 'order.made',
          timestamp: new Date(0).toISOString(),
          data: dataOf(n),
          destinations: [],
          skipped: [],
          routedAt: asPosition(''),
        },
      },
      at: new Date(0),
    });
  const match = (pattern: JsonObject, masked = false, ms = 60_000) =>
    matchContents(store, { pattern: JSON.stringify(pattern), masked, ids, ms });

  it('understands the language of the endpoint filters', async () => {
    expect(await match({ 'order.number': 'A-7' })).toEqual({ matching: ['c7'], looked: 40, ms: expect.any(Number) as number });
    expect((await match({ order: { lines: [{ $gte: 39 }] } })).matching).toEqual(['c38', 'c39']);
  });
  it('does not let a caller find out what is masked for it', async () => {
    expect((await match({ password: { $prefix: 'secret-1' } })).matching).toHaveLength(11);
    expect((await match({ password: { $prefix: 's' } }, true)).matching).toEqual([]);
    expect((await match({ 'order.number': 'A-7' }, true)).matching).toEqual(['c7']);
  });
  it('leaves what comes after its time, and matches nothing that the log does not have', async () => {
    expect((await match({ 'order.number': 'A-39' }, false, 0)).looked).toBeLessThan(40);
    expect(await matchContents(store, { pattern: '{"a":{"$exists":false}}', masked: false, ids: [asMessageId('gone')], ms: 0 })).toEqual({
      matching: [],
      looked: 1,
      ms: expect.any(Number) as number,
    });
  });
});
