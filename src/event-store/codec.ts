// The codec: converts events of the catalog to and from the JSON that a log stores. Every adapter writes and reads events through it.
import * as z from 'zod';
import { catalog, type ConfigurationEvent } from '../domain/catalog.ts';
import { parseJson } from '../domain/exact-number.ts';
import { position } from '../domain/ids.ts';
import { jsonObject } from '../domain/json.ts';
import { UndecodableEvent, type Metadata, type NewEvent, type RecordedEvent } from './event-store.ts';
import { currentVersion, upcasters, type Upcasters } from './upcasters.ts';

/** `data` and `metadata` are JSON text; the metadata also holds the schema version of the event, as `v`. */
type EncodedEvent = { readonly id: string; readonly type: string; readonly data: string; readonly metadata: string };

/** An encoded event of a stream. */
export type StoredEvent = EncodedEvent & Pick<RecordedEvent, 'stream' | 'revision' | 'position' | 'recordedAt'>;

type Codec = {
  /**
   * `value` is the data as a later `decode` returns it.
   * @throws TypeError if the event does not fit the catalog or holds a value that JSON can't: nothing unreadable is ever written
   */
  readonly encode: (event: NewEvent) => EncodedEvent & { readonly value: unknown };
  /** @throws UndecodableEvent */
  readonly decode: (stored: StoredEvent) => RecordedEvent;
};

/** Where a copied event comes from: when it was first recorded, and its position in each log that it was copied from, oldest log first. */
export const provenance = z.object({ recordedAt: z.string(), positions: z.array(position).min(1) });

const storedMetadata = z.compile(
  z.object({
    v: z.int().positive(),
    actor: z.string(),
    actorId: z.string().exactOptional(),
    correlationId: z.string().exactOptional(),
    causationId: z.string().exactOptional(),
    copied: provenance.exactOptional(),
  }),
);
type StoredMetadata = z.infer<typeof storedMetadata>;

/** The application's codec is `codec`; tests may bring another catalog and other upcasters. */
export const createCodec = (catalog: Readonly<Record<string, z.ZodType>>, upcasters: Upcasters<string>): Codec => {
  const schemaOf = compiledOnDemand(catalog);
  return {
    encode({ id, type, data, metadata }) {
      const schema = schemaOf(type);
      if (!schema) throw new TypeError(`${type} can't be written: the catalog has no such event.`);
      const checked = schema.safeParse(data);
      if (!checked.success) throw new TypeError(`${type} can't be written: ${describeIssue(checked.error, 'data')}`);
      const value = checked.data;
      try {
        const v = currentVersion(upcasters, type);
        return { id, type, data: JSON.stringify(value), metadata: JSON.stringify({ ...metadata, v }), value };
      } catch (error) {
        throw new TypeError(`${type} can't be written: ${messageOf(error)}`, { cause: error });
      }
    },

    decode(stored) {
      const { id, type, stream, revision, position } = stored;
      const schema = schemaOf(type);
      if (!schema) throw undecodable(stored, 'this version of Hookledger has no such event');
      const { v, copied, ...metadata } = readMetadata(stored);
      const checked = schema.safeParse(upcast(stored, v, upcasters));
      if (!checked.success) throw undecodable(stored, describeIssue(checked.error, 'data'), checked.error);
      const recordedAt = copied?.recordedAt ?? stored.recordedAt;
      const event = toRecordedEvent({ id, type, data: checked.data, metadata, stream, revision, position, recordedAt });
      return copied ? { ...event, copiedFrom: copied.positions } : event;
    },
  };
};

/** Compiling takes a millisecond and makes checks several times faster, so each thread compiles the schemas it uses, when it first uses them. */
const compiledOnDemand = (catalog: Readonly<Record<string, z.ZodType>>) => {
  const compiled = new Map<string, z.ZodType>();
  return (type: string): z.ZodType | undefined => {
    const found = compiled.get(type);
    if (found) return found;
    const schema = Object.hasOwn(catalog, type) ? catalog[type] : undefined;
    if (!schema) return undefined;
    const made = z.compile(schema);
    compiled.set(type, made);
    return made;
  };
};

/** The data of an event, brought from the version it was stored in to the current one. */
const upcast = (stored: StoredEvent, version: number, upcasters: Upcasters<string>): unknown => {
  const current = currentVersion(upcasters, stored.type);
  if (version > current)
    throw undecodable(stored, `it has version ${version} of its schema, and this version of Hookledger reads up to ${current}`);
  let data = parsePart(stored, 'data');
  for (let from = version; from < current; from += 1) {
    try {
      data = upcasters[stored.type]?.[from - 1]?.(jsonObject.parse(data));
    } catch (error) {
      throw undecodable(stored, `it can't be converted from version ${from} to ${from + 1}: ${messageOf(error)}`, error);
    }
  }
  return data;
};

const readMetadata = (stored: StoredEvent): StoredMetadata => {
  const parsed = storedMetadata.safeParse(parsePart(stored, 'metadata'));
  if (!parsed.success) throw undecodable(stored, describeIssue(parsed.error, 'metadata'), parsed.error);
  return parsed.data;
};

const parsePart = (stored: StoredEvent, part: 'data' | 'metadata'): unknown => {
  try {
    return part === 'data' ? parseJson(stored.data) : JSON.parse(stored.metadata);
  } catch (error) {
    throw undecodable(stored, `its ${part} is not JSON`, error);
  }
};

const undecodable = ({ position, stream, type }: StoredEvent, reason: string, cause?: unknown) =>
  new UndecodableEvent(position, stream, type, reason, { cause });

const describeIssue = (error: z.ZodError, root: string) => {
  const [issue] = error.issues;
  return issue ? `${[root, ...issue.path.map(String)].join('.')}: ${issue.message}` : error.message;
};

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

type CheckedFields = Omit<RecordedEvent, 'type' | 'data' | 'metadata'> & {
  readonly type: string;
  readonly data: unknown;
  readonly metadata: Metadata;
};

/** Pairs a type with data that the schema of this type has checked. TypeScript can't follow that through the union of events, hence the cast. */
export const toRecordedEvent = (fields: CheckedFields) => fields as RecordedEvent;

export const codec: Codec = createCodec(catalog, upcasters);

/** Decodes an event of a configuration stream. One that this version can't read is returned as its error. */
export const decodeConfiguration = (stored: StoredEvent): RecordedEvent<ConfigurationEvent> | UndecodableEvent => {
  try {
    return codec.decode(stored) as RecordedEvent<ConfigurationEvent>; // these streams hold no other events
  } catch (error) {
    if (error instanceof UndecodableEvent) return error;
    throw error;
  }
};
