// Pages of messages by content: goes back through the messages that the rest of a filter finds, and matches the content of each, until the page is full or
// the budget of one request is spent. Then the page says how far it looked, and its cursor goes on from there, also where it found nothing.
import type { MessageView } from '../queries/message-queries.ts';
import { isGiven } from '../queries/optional.ts';
import type { Page, PageRequest } from '../queries/page.ts';
import type { ContentMatcher, ContentQuestion } from './match-contents.ts';

/** What one request may look at, and how long that may take. */
const defaultBudget = { messages: 10_000, ms: 1_000 };
/** Messages of one question: few at first, as the first page of a frequent content is soon full. */
const firstAsked = 64;
const mostAsked = 512;

type Content = Pick<ContentQuestion, 'pattern' | 'masked'>;
/** `searchedUntil`: when the last message that was looked at was accepted; null: all were. */
type SearchedPage = Page<MessageView> & { readonly searchedUntil: string | null };

type Edges = Page<MessageView>['edges'];

type PageOf = (request: PageRequest) => Promise<Page<MessageView>>;

export class ContentSearch {
  constructor(
    private readonly matcher: ContentMatcher,
    private readonly budget: { readonly messages: number; readonly ms: number } = defaultBudget,
  ) {}

  /** @param pageOf the messages to look at, newest first. A page may hold fewer than asked for. */
  async page(pageOf: PageOf, { first, after }: PageRequest, content: Content): Promise<SearchedPage> {
    let msLeft = this.budget.ms;
    const found: Edges[number][] = [];
    let left = this.budget.messages;
    let last: Edges[number] | undefined;
    let cursor = after;
    for (let asked = firstAsked; ; asked = Math.min(asked * 2, mostAsked)) {
      const { edges, hasNextPage, endCursor } = await pageOf({ first: Math.min(asked, left), after: cursor });
      const { matching, looked, ms } = await this.match(edges, content, msLeft);
      let seen = 0;
      for (const edge of edges.slice(0, looked)) {
        if (found.length === first) break;
        seen++;
        last = edge;
        if (matching.has(edge.node.id)) found.push(edge);
      }
      cursor = seen === edges.length ? endCursor : last?.cursor;
      left -= Math.max(looked, 1);
      msLeft -= ms;
      const page = { edges: found, hasPreviousPage: isGiven(after), endCursor: cursor ?? null };
      if (seen === edges.length && !hasNextPage) return { ...page, hasNextPage: false, searchedUntil: null };
      if (found.length === first || left <= 0 || msLeft <= 0)
        return { ...page, hasNextPage: true, searchedUntil: last?.node.acceptedAt ?? null };
    }
  }

  private async match(edges: Edges, content: Content, ms: number) {
    if (edges.length === 0) return { matching: new Set<string>(), looked: 0, ms: 0 };
    const answer = await this.matcher.match({ ...content, ids: edges.map(({ node }) => node.id), ms });
    return { ...answer, matching: new Set<string>(answer.matching) };
  }
}
