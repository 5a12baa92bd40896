// Bounds a GraphQL document before it is validated: validation compares every two selections of the same field, so its time grows with their square.
// Each fragment is walked once, however often it is spread.
import { GraphQLError, Kind, parse, type DocumentNode, type FragmentDefinitionNode, type SelectionSetNode } from 'graphql';

/** The error that refuses an operation for what it would cost. @param path of the argument that is wrong; '' for the whole query */
export const tooCostly = (message: string, path = ''): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', issues: [{ path, message }], http: { status: 400 } } });

/** Tokens in one document: far more than people write. */
export const maxTokens = 5_000;
/** How often fields may be selected again beside themselves, fragments included. Clients that compose fragments do that some dozens of times. */
const maxRepeats = 150;
/** Braces within braces, inline fragments included. */
const maxBraces = 40;

/** What a selection set holds once its fragments are inserted. */
type Expanded = {
  /** How often each response name is selected here. */
  readonly names: ReadonlyMap<string, number>;
  /** Selections below that repeat one beside them. */
  readonly repeatsBelow: number;
  readonly depth: number;
};
const nothing: Expanded = { names: new Map(), repeatsBelow: 0, depth: 0 };

/** @returns the error that refuses a document that is not validated yet, if it is too large */
export const refusalOfSize = (document: DocumentNode): GraphQLError | undefined => {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const walked = new Map<string, Expanded>();

  const fragment = (name: string): Expanded => {
    const found = walked.get(name);
    if (found) return found;
    walked.set(name, nothing); // validation refuses fragments that contain themselves
    const definition = fragments.get(name);
    const expanded = definition ? expand(definition.selectionSet) : nothing;
    walked.set(name, expanded);
    return expanded;
  };
  const expand = ({ selections }: SelectionSetNode): Expanded => {
    const names = new Map<string, number>();
    let repeatsBelow = 0;
    let depth = 0;
    for (const node of selections) {
      if (node.kind === Kind.FIELD) {
        const name = (node.alias ?? node.name).value;
        names.set(name, (names.get(name) ?? 0) + 1);
        if (!node.selectionSet) continue;
        const below = expand(node.selectionSet);
        repeatsBelow += repeatsOf(below);
        depth = Math.max(depth, below.depth);
      } else {
        const inserted = node.kind === Kind.INLINE_FRAGMENT ? expand(node.selectionSet) : fragment(node.name.value);
        for (const [name, count] of inserted.names) names.set(name, (names.get(name) ?? 0) + count);
        repeatsBelow += inserted.repeatsBelow;
        depth = Math.max(depth, inserted.depth);
      }
    }
    return { names, repeatsBelow, depth: depth + 1 };
  };

  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION && definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const expanded = definition.kind === Kind.FRAGMENT_DEFINITION ? fragment(definition.name.value) : expand(definition.selectionSet);
    if (expanded.depth > maxBraces)
      return tooCostly(`The query has more than ${maxBraces} braces within braces; ask for the inner part in a query of its own.`);
    if (repeatsOf(expanded) > maxRepeats)
      return tooCostly(
        `The query selects fields that it has selected already more than ${maxRepeats} times, fragments included; select each once.`,
      );
  }
  return undefined;
};

const repeatsOf = ({ names, repeatsBelow }: Expanded): number => {
  let repeats = repeatsBelow;
  for (const count of names.values()) repeats += count - 1;
  return repeats;
};

/** Remembered texts of documents that were small enough: clients send the same few again and again. */
const maxRemembered = 500;
const maxRememberedLength = 16 * 1024;

/** Checks documents for a server that parses them by itself, and says what is wrong with the ones that it can't parse. */
export class DocumentSizes {
  private readonly accepted = new Set<string>();

  /** @throws GraphQLError if the document is too large */
  check(query: unknown): void {
    if (typeof query !== 'string' || this.accepted.has(query)) return;
    const document = parsed(query);
    const refusal = document && refusalOfSize(document);
    if (refusal) throw refusal;
    if (!document || query.length > maxRememberedLength) return;
    const [oldest] = this.accepted.size >= maxRemembered ? this.accepted : [];
    if (oldest !== undefined) this.accepted.delete(oldest);
    this.accepted.add(query);
  }
}

const parsed = (query: string): DocumentNode | undefined => {
  try {
    return parse(query, { maxTokens });
  } catch {
    return undefined;
  }
};
