// Parses a large JSON body in steps, and others have their turns in between. It finds where large arrays and objects can be cut, at some of their
// commas, and parses each piece between two cuts by the rules of strict-json.ts.
// Guarantee: it accepts what `parseStrictJson` accepts, and returns the same. A refusal says the same, but for the place of what is not JSON.
import { isUtf8 } from 'node:buffer';
import { isJsonArray, isJsonObject, type Json } from '../domain/json.ts';
import { deepest, keyTwice, notUtf8, parseStrictJson, tooDeep, UnreadableJson } from './strict-json.ts';

type Steps<T> = Generator<undefined, T>;

/** A body of fewer bytes is parsed at once, which takes a millisecond or so. */
export const largeJson = 64 * 1024;

/**
 * @param bytesPerStep about what is scanned or parsed in one step: a few milliseconds, whatever is in it
 * @throws UnreadableJson
 */
export function* parseLargeJson(bytes: Buffer, bytesPerStep = 64 * 1024): Steps<Json> {
  yield; // several may arrive together
  if (!isUtf8(bytes)) throw notUtf8();
  const root = yield* new ContainerFinder(bytes, bytesPerStep).find();
  if (!root) return parseStrictJson(bytes); // it is spaces, or one long string
  return yield* new Pieces(bytes).parse(root, []);
}

// ── Where it can be cut ──

/** An array or object that takes more than one step: the places of its brackets, the commas to cut it at, and those in it. Each has a piece to itself. */
type Container = { readonly start: number; readonly end: number; readonly cuts: readonly number[]; readonly inner: readonly Container[] };

/** What is known of the open array or object at one depth. */
class OpenContainer {
  start = 0;
  lastCut = 0;
  lastComma = 0;
  /** The value before is large, so the next comma is a cut. */
  isAfterLarge = false;
  cuts: number[] = [];
  inner: Container[] = [];

  constructor(private readonly large: number) {}

  begin(at: number): void {
    this.start = this.lastCut = this.lastComma = at;
    this.isAfterLarge = false;
  }

  comma(at: number): void {
    this.lastComma = at;
    if (this.isAfterLarge || at - this.lastCut >= this.large) this.cut(at);
  }

  add(container: Container): void {
    if (this.lastComma > this.lastCut) this.cut(this.lastComma);
    this.inner.push(container);
    this.isAfterLarge = true;
  }

  private cut(at: number): void {
    this.cuts.push(at);
    this.lastCut = at;
    this.isAfterLarge = false;
  }

  /** @returns undefined if it is small. Nothing was cut then. */
  end(at: number): Container | undefined {
    if (at - this.start < this.large) return undefined;
    const { start, cuts, inner } = this;
    this.cuts = [];
    this.inner = [];
    return { start, end: at, cuts, inner };
  }
}

/** Looks at brackets and commas outside strings only. What it finds in a text that is not JSON has a piece that is not JSON. */
class ContainerFinder {
  private readonly open: readonly OpenContainer[];
  private depth = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly bytesPerStep: number,
  ) {
    this.open = Array.from({ length: deepest + 1 }, () => new OpenContainer(bytesPerStep));
  }

  /** @returns the outermost; undefined if it is small, or the text no array or object */
  *find(): Steps<Container | undefined> {
    const { bytes, open, bytesPerStep } = this;
    const first = this.nextInk(0);
    if (bytes[first] !== openBracket && bytes[first] !== openBrace) return undefined;
    let nextStep = bytesPerStep;
    for (let i = first; i < bytes.length; i++) {
      switch (bytes[i]) {
        case quote:
          i = this.endOfString(i);
          break;
        case comma:
          open[this.depth]?.comma(i);
          break;
        case openBracket:
        case openBrace:
          if (++this.depth > deepest) throw tooDeep(i);
          open[this.depth]?.begin(i);
          break;
        case closeBracket:
        case closeBrace: {
          const container = open[this.depth]?.end(i);
          if (--this.depth === 0) return this.last(i, container);
          if (container) open[this.depth]?.add(container);
          break;
        }
        default:
      }
      if (i < nextStep) continue;
      nextStep = i + bytesPerStep;
      yield;
    }
    throw notJson('it ends before it is complete');
  }

  private last(end: number, root: Container | undefined): Container | undefined {
    const more = this.nextInk(end + 1);
    if (more < this.bytes.length) throw notJson(`something follows its end, at byte ${more}`);
    return root;
  }

  private endOfString(start: number): number {
    const { bytes } = this;
    let at = start + 1;
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === quote) break;
      if (byte === backslash) at++;
    }
    return at;
  }

  /** The next place of a byte that is no white space. */
  private nextInk(from: number): number {
    let at = from;
    while (isSpace(this.bytes[at])) at++;
    return at;
  }
}

// ── The pieces ──

class Pieces {
  constructor(private readonly bytes: Buffer) {}

  parse(container: Container, path: readonly string[]): Steps<Json> {
    const isArray = this.bytes[container.start] === openBracket;
    if (this.bytes[container.end] !== (isArray ? closeBracket : closeBrace))
      throw notJson(`a ${isArray ? ']' : '}'} is expected at byte ${container.end}`);
    return isArray ? this.array(container, path) : this.object(container, path);
  }

  private *array(container: Container, path: readonly string[]): Steps<Json[]> {
    const items: Json[] = [];
    for (const { from, to, inner } of piecesOf(container)) {
      if (inner) {
        this.expectSpaces(from, inner.start);
        this.expectSpaces(inner.end + 1, to);
        items.push(yield* this.parse(inner, [...path, String(items.length)]));
        continue;
      }
      const inIt = ([index = '', ...rest]: readonly string[]) => [...path, String(items.length + Number(index)), ...rest];
      const piece = this.parsePiece(`[`, this.bytes.subarray(from, to), ']', from, inIt);
      if (!isJsonArray(piece) || (piece.length === 0 && container.cuts.length > 0)) throw notJson(`a value is expected near byte ${from}`);
      for (const item of piece) items.push(item);
      yield;
    }
    return items;
  }

  private *object(container: Container, path: readonly string[]): Steps<Json> {
    const members: Record<string, Json> = {};
    const inIt = (rest: readonly string[]) => [...path, ...rest];
    const set = (key: string, value: Json) => {
      if (Object.hasOwn(members, key)) throw new UnreadableJson(keyTwice(key), inIt([key]).join('.'));
      members[key] = value;
    };
    for (const { from, to, inner } of piecesOf(container)) {
      const isOnly = container.cuts.length === 0;
      const piece = this.parsePiece('{', this.bytes.subarray(from, inner?.start ?? to), inner ? '""}' : '}', from, inIt);
      if (!isJsonObject(piece)) throw notJson(`a key is expected near byte ${from}`);
      const keys = Object.keys(piece);
      const [key] = keys;
      if (inner) {
        this.expectSpaces(inner.end + 1, to);
        if (key === undefined || keys.length > 1 || piece[key] !== '') throw notJson(`a key is expected near byte ${from}`);
        set(key, yield* this.parse(inner, inIt([key])));
        continue;
      }
      if (key === undefined && !isOnly) throw notJson(`a key is expected near byte ${from}`);
      for (const each of keys) set(each, piece[each] ?? null);
      yield;
    }
    return members;
  }

  /** @param inIt the path in the body of a path in the piece */
  private parsePiece(before: string, piece: Buffer, after: string, at: number, inIt: (path: readonly string[]) => readonly string[]): Json {
    try {
      return parseStrictJson(Buffer.concat([Buffer.from(before), piece, Buffer.from(after)]));
    } catch (error) {
      if (!(error instanceof UnreadableJson)) throw error;
      if (error.path === '') throw new UnreadableJson(`${error.message.replace(/ at position \d+.*$/s, '')}, near byte ${at}`);
      throw new UnreadableJson(error.message, inIt(error.path.split('.')).join('.'));
    }
  }

  private expectSpaces(from: number, to: number): void {
    for (let at = from; at < to; at++) if (!isSpace(this.bytes[at])) throw notJson(`something unexpected is at byte ${at}`);
  }
}

/** Between its cuts. `inner` is the large value of a piece that has one. */
function* piecesOf({ start, end, cuts, inner }: Container) {
  const large = inner.values();
  let next = large.next().value;
  let from = start + 1;
  for (const to of [...cuts, end]) {
    const isLarge = next !== undefined && next.start < to;
    yield { from, to, inner: isLarge ? next : undefined };
    if (isLarge) next = large.next().value;
    from = to + 1;
  }
}

const notJson = (why: string) => new UnreadableJson(`The body is not JSON: ${why}.`);

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
