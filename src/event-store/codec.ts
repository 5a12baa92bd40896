// The codec: an event of the catalog ⇄ the JSON that a log stores. Every adapter writes and reads through it.
import * as z from 'zod';
import { catalog } from '../domain/catalog.ts';
import { position } from '../domain/ids.ts';
import { jsonObject } from '../domain/json.ts';
import { UndecodableEvent, type NewEvent, type RecordedEvent } from './event-store.ts';
import { plainCheckOf, type PlainCheck } from './plain-check.ts';
import { currentVersion, upcasters, type Upcasters } from './upcasters.ts';

/** `data` and `metadata` are JSON text; the metadata also holds the version of the event's schema, as `v`. */
export type EncodedEvent = { readonly id: string; readonly type: string; readonly data: string; readonly metadata: string };

/** `value`: the data as a reader of the log will get it, for those who follow live. */
export type Encoded = EncodedEvent & { readonly value: NewEvent['data'] };

export type StoredEvent = EncodedEvent & Pick<RecordedEvent, 'stream' | 'revision' | 'position' | 'recordedAt'>;

export type Codec = {
  /** @throws TypeError when the event is not what the catalog says, or holds what JSON can't: nothing unreadable is ever written. */
  readonly encode: (event: NewEvent) => Encoded;
  /** @throws UndecodableEvent */
  readonly decode: (stored: StoredEvent) => RecordedEvent;
};

/**
 * What the metadata of an event keeps that was copied from another log: when it was recorded first, and where it stood in each log that it was
 * copied from, the first one first.
 */
export const copied = z.object({ recordedAt: z.string(), positions: z.array(position).min(1) });

const storedMetadata = z.object({
  v: z.int().positive(),
  actor: z.string(),
  correlationId: z.string().exactOptional(),
  causationId: z.string().exactOptional(),
  copied: copied.exactOptional(),
});

const isPlainMetadata = plainCheckOf(storedMetadata);

const describeIssue = (error: z.ZodError, root: string) => {
  const [issue] = error.issues;
  return issue ? `${[root, ...issue.path.map(String)].join('.')}: ${issue.message}` : error.message;
};

const sentenceOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Our own codec is `codec`; a test may bring another catalog and other upcasters. */
export const createCodec = (schemas: Readonly<Record<string, z.ZodType>>, upcasters: Upcasters<string>): Codec => {
  /** Most of what is written and read fits; zod is asked about the rest, and says why. */
  const plain = new Map<string, PlainCheck | undefined>();
  for (const [type, schema] of Object.entries(schemas)) plain.set(type, plainCheckOf(schema));

  const encode = (event: NewEvent): Encoded => {
    const { id, type, data, metadata } = event;
    const schema = schemas[type];
    if (!schema) throw new TypeError(`${type} can't be written: the catalog has no such event.`);
    let value = data;
    if (!plain.get(type)?.(data)) {
      const checked = schema.safeParse(data);
      if (!checked.success) throw new TypeError(`${type} can't be written: ${describeIssue(checked.error, 'data')}`);
      value = checked.data as NewEvent['data']; // the schema of this very type
    }
    try {
      return {
        id,
        type,
        data: JSON.stringify(value),
        metadata: JSON.stringify({ ...metadata, v: currentVersion(upcasters, type) }),
        value,
      };
    } catch (error) {
      throw new TypeError(`${type} can't be written: ${sentenceOf(error)}`, { cause: error });
    }
  };

  const decode = (stored: StoredEvent): RecordedEvent => {
    const { id, type, stream, revision } = stored;
    const unreadable = (reason: string, cause?: unknown) => new UndecodableEvent(stored.position, stream, type, reason, { cause });
    const parse = (text: string, what: string): unknown => {
      try {
        return JSON.parse(text);
      } catch (error) {
        throw unreadable(`its ${what} is not JSON`, error);
      }
    };

    // 1. What it is, and which version of that.
    const schema = schemas[type];
    if (!schema) throw unreadable('this version of Hookledger knows no such event');
    const { v, copied, actor, correlationId, causationId } = metadataOf(parse(stored.metadata, 'metadata'), unreadable);
    const current = currentVersion(upcasters, type);
    if (v > current) throw unreadable(`it has version ${v} of its schema, and this version of Hookledger reads up to ${current}`);

    // 2. From its version to today's.
    let data = parse(stored.data, 'data');
    for (const [i, upcast] of (upcasters[type] ?? []).entries()) {
      if (i + 1 < v) continue;
      try {
        data = upcast(jsonObject.parse(data));
      } catch (error) {
        throw unreadable(`it can't be brought from version ${i + 1} to ${i + 2}: ${sentenceOf(error)}`, error);
      }
    }

    // 3. Today's schema.
    if (!plain.get(type)?.(data)) {
      const checked = schema.safeParse(data);
      if (!checked.success) throw unreadable(describeIssue(checked.error, 'data'), checked.error);
      data = checked.data;
    }
    const { position, recordedAt } = stored;
    const metadata: Omit<StoredMetadata, 'v' | 'copied'> = { actor };
    if (correlationId !== undefined) metadata.correlationId = correlationId;
    if (causationId !== undefined) metadata.causationId = causationId;
    // The schema of this very type has been applied, which is what the union of event types says.
    const event = { id, type, data, metadata, stream, revision, position, recordedAt } as RecordedEvent;
    return copied ? { ...event, recordedAt: copied.recordedAt, copiedFrom: copied.positions } : event;
  };

  return { encode, decode };
};

type StoredMetadata = z.infer<typeof storedMetadata>;

const metadataOf = (value: unknown, unreadable: (reason: string, cause: unknown) => UndecodableEvent): StoredMetadata => {
  if (isPlainMetadata?.(value)) return value as StoredMetadata; // that is what the check says
  const parsed = storedMetadata.safeParse(value);
  if (!parsed.success) throw unreadable(describeIssue(parsed.error, 'metadata'), parsed.error);
  return parsed.data;
};

export const codec: Codec = createCodec(catalog, upcasters);
