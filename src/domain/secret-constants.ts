// Constants of bodies whose names say that they are secret, such as `apiKey`. In the log, `constants` has the mask in their places, and
// `secretConstants` holds them encrypted, by their paths. Older versions stored them readable; they are masked when they are shown.
import { badInput } from './errors.ts';
import { parseJson } from './exact-number.ts';
import { isSensitiveName, mask } from './header-masking.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { constantsField } from './secret-fields.ts';

/** The names of the options. */
const constants = 'constants';
export const secretConstants = 'secretConstants';

type Options = JsonObject | null;
/** By path, such as `/auth/token`. */
type Secrets = Readonly<Record<string, Json>>;
type Cipher = { readonly seal: (plain: string, field: string) => string; readonly open: (sealed: string, field: string) => string };

/** The value with what `replace` makes of each one under a secret name. */
const mapSecrets = (value: Json, replace: (value: Json, path: string) => Json, path = ''): Json => {
  if (Array.isArray(value)) return value.map((each, i) => mapSecrets(each, replace, `${path}/${i}`));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const at = `${path}/${encodeURIComponent(key)}`;
      return [key, inner !== null && isSensitiveName(key) ? replace(inner, at) : mapSecrets(inner, replace, at)];
    }),
  );
};

/** Shown options with something else in the places of secret constants. Which of several was changed, their cipher text does not tell. */
export const mapMasks = (shown: Json, replace: () => Json): Json => mapSecrets(shown, replace);

const withConstants = (options: JsonObject, value: Json | undefined): JsonObject =>
  value === undefined ? options : { ...options, [constants]: value };

/** What is secret, in the clear. Of options as they were given, as an older version stored them, or opened. */
const secretsIn = (options: JsonObject): Record<string, Json> => {
  const secrets: Record<string, Json> = {};
  mapSecrets(options[constants] ?? null, (value, path) => {
    if (value !== mask) secrets[path] = value;
    return mask;
  });
  return secrets;
};

const sealed = (options: JsonObject, secrets: Secrets, cipher: Pick<Cipher, 'seal'>): JsonObject => {
  const { [constants]: given, [secretConstants]: _, ...others } = options;
  if (given === undefined) return others;
  const shown = mapSecrets(given, () => mask);
  const paths = Object.keys(secrets).toSorted();
  if (paths.length === 0) return withConstants(others, shown);
  const text = JSON.stringify(Object.fromEntries(paths.map((path) => [path, secrets[path] ?? null])));
  return { ...withConstants(others, shown), [secretConstants]: cipher.seal(text, constantsField) };
};

/** As the log has them. What is the mask stands for what is stored already; see `keepSecretConstants`. */
export const sealConstants = <O extends Options>(options: O, cipher: Pick<Cipher, 'seal'>): O | JsonObject =>
  options && sealed(options, secretsIn(options), cipher);

/** In the clear. */
export const openConstants = <O extends Options>(options: O, cipher: Pick<Cipher, 'open'>): O | JsonObject => {
  const stored = options?.[secretConstants];
  if (!options || typeof stored !== 'string') return options;
  const secrets = parseJson(cipher.open(stored, constantsField));
  const { [secretConstants]: _, ...others } = options;
  if (!isJsonObject(secrets)) return others;
  return withConstants(
    others,
    mapSecrets(options[constants] ?? null, (value, path) => (value === mask ? (secrets[path] ?? value) : value)),
  );
};

/**
 * A patch's sealed options, with the stored values of what is masked in them, and the stored cipher text if nothing secret changed.
 * @param opened `before` in the clear; null if it can't be read
 * @throws DomainError if nothing is stored that a mask could stand for
 */
export const keepSecretConstants = (options: JsonObject, before: Options, opened: Options, cipher: Cipher): JsonObject => {
  const old = secretsIn(opened ?? {});
  const given = secretsIn(openConstants(options, cipher));
  const all: Record<string, Json> = {};
  mapSecrets(options[constants] ?? null, (value, path) => {
    const kept = given[path] ?? old[path];
    if (kept === undefined) throw noSuchConstant(path);
    all[path] = kept;
    return value;
  });
  const kept = sealed(options, all, cipher);
  const stored = before?.[secretConstants];
  const isUnchanged = typeof stored === 'string' && JSON.stringify(sorted(old)) === JSON.stringify(sorted(all));
  return isUnchanged ? { ...kept, [secretConstants]: stored } : kept;
};

/** At creation nothing is stored yet. @throws DomainError if a mask stands for a value */
export const refuseMaskedConstants = (options: Options): void => {
  mapSecrets(options?.[constants] ?? null, (value, path) => {
    if (value === mask) throw noSuchConstant(path);
    return value;
  });
};

const sorted = (secrets: Secrets) => Object.entries(secrets).toSorted(([a], [b]) => (a < b ? -1 : 1));

const noSuchConstant = (path: string) =>
  badInput(
    `formatOptions.constants${path.replaceAll('/', '.')}`,
    `The value is ${mask}, which stands for a stored secret, and none is stored; give the value.`,
  );

/** Every text and number that is secret in opened options. */
export const secretTextsIn = (options: Options): readonly string[] => {
  const texts: string[] = [];
  const collect = (value: Json): void => {
    if (typeof value === 'string') texts.push(value);
    else if (typeof value === 'number') texts.push(String(value));
    else if (Array.isArray(value)) value.forEach(collect);
    else if (isJsonObject(value)) Object.values(value).forEach(collect);
  };
  for (const value of Object.values(secretsIn(options ?? {}))) collect(value);
  return texts;
};
