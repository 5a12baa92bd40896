// A check that says of most values, in a fraction of the time, what a zod schema would: that they fit and come out as they went in.
// Guarantee: where it says true of a value that came from JSON, zod would take it and change nothing of it (but for freezing lists). Limit: false says nothing; ask zod, which also
// says why. Only kinds of schemas that it knows to the letter have one.
import type * as z from 'zod';

export type PlainCheck = (value: unknown) => boolean;

type Def = z.core.$ZodTypeDef & {
  readonly checks?: readonly z.core.$ZodCheck[];
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly catchall?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly innerType?: z.core.$ZodType;
  readonly keyType?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly values?: readonly unknown[];
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly format?: string;
  readonly fn?: (value: unknown) => unknown;
};

/** What zod tells those who build on it. */
// oxlint-disable-next-line no-underscore-dangle -- its name there
const defOf = <D>(made: { readonly _zod: { readonly def: D } }): D => made._zod.def;

/** Undefined: there is none for such a schema. */
export const plainCheckOf = (schema: z.core.$ZodType | undefined): PlainCheck | undefined => {
  if (!schema) return undefined;
  const def = defOf(schema) as Def; // the fields of each kind are looked at below
  const checks = (def.checks ?? []).map(further);
  const own = kindOf(def);
  if (!own || checks.includes(undefined)) return undefined;
  if (checks.length === 0) return own;
  return (value) => own(value) && checks.every((check) => check?.(value));
};

const kindOf = (def: Def): PlainCheck | undefined => {
  switch (def.type) {
    case 'string':
      return def.format === undefined ? (value) => typeof value === 'string' : undefined;
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'number':
      if (def.format === undefined) return (value) => Number.isFinite(value);
      return def.format === 'safeint' ? (value) => Number.isSafeInteger(value) : undefined;
    case 'literal':
    case 'enum': {
      const values = new Set(def.values ?? Object.values(def.entries ?? {}));
      return (value) => values.has(value);
    }
    case 'custom': {
      const { fn } = def;
      return fn && ((value) => Boolean(fn(value)));
    }
    case 'nullable': {
      const inner = plainCheckOf(def.innerType);
      return inner && ((value) => value === null || inner(value));
    }
    case 'optional': // that it may be missing is the object's to know
    case 'readonly':
      return plainCheckOf(def.innerType);
    case 'array': {
      const element = plainCheckOf(def.element);
      return element && ((value) => Array.isArray(value) && value.every(element));
    }
    case 'record': {
      const key = plainCheckOf(def.keyType);
      const field = plainCheckOf(def.valueType);
      return key && field && recordCheck(key, field);
    }
    case 'object':
      return def.shape && !def.catchall ? objectCheck(def.shape) : undefined;
    default:
      return undefined;
  }
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const recordCheck =
  (key: PlainCheck, field: PlainCheck): PlainCheck =>
  (value) => {
    if (!isObject(value)) return false;
    for (const name in value) if (name === '__proto__' || !key(name) || !field(value[name])) return false;
    return true;
  };

/** No other fields than these: zod would leave them out. */
const objectCheck = (shape: Readonly<Record<string, z.core.$ZodType>>): PlainCheck | undefined => {
  const fields = new Map<string, PlainCheck>();
  let required = 0;
  const isRequired = new Set<string>();
  for (const [name, schema] of Object.entries(shape)) {
    const check = plainCheckOf(schema);
    if (!check) return undefined;
    fields.set(name, check);
    if (defOf(schema).type === 'optional') continue;
    isRequired.add(name);
    required++;
  }
  return (value) => {
    if (!isObject(value)) return false;
    let found = 0;
    for (const name in value) {
      const check = fields.get(name);
      if (!check?.(value[name])) return false;
      if (isRequired.has(name)) found++;
    }
    return found === required;
  };
};

/** What a schema wants beyond its kind. */
const further = (check: z.core.$ZodCheck): PlainCheck | undefined => {
  const def = defOf(check) as { check: string; value?: unknown; inclusive?: boolean; minimum?: number };
  const { value: bound, inclusive, minimum } = def;
  if (def.check === 'greater_than' && typeof bound === 'number')
    return inclusive ? (value) => (value as number) >= bound : (value) => (value as number) > bound;
  if (def.check === 'min_length' && minimum !== undefined) return (value) => (value as string).length >= minimum;
  return undefined;
};
