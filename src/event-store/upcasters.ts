// Converts events stored by older versions to the current schema. Add to these lists; never change their entries.
import type { EventName } from '../domain/catalog.ts';
import { fromVersion1 } from '../domain/filter/version-1.ts';
import { jsonObject, type JsonObject } from '../domain/json.ts';

/** Converts an event's data from one version to the next. Pure. An error makes the event undecodable. */
type Upcaster = (data: JsonObject) => JsonObject;

/**
 * By event type: the first upcaster converts version 1 to 2, the second 2 to 3, and so on.
 * The current version of a type is the length of its list plus one, or 1 if it has no list.
 */
export type Upcasters<Name extends string = EventName> = Readonly<Partial<Record<Name, readonly Upcaster[]>>>;

/** In version 1 a dot or a leading `$` was a part of a field's name. */
const withFilterOfToday: Upcaster = (data) => {
  const filter = jsonObject.nullable().parse(data['filter']);
  return { ...data, filter: filter && fromVersion1(filter) };
};

/** Older versions did not encrypt the secret parts of a URL. What is shown of it is masked when it is shown. */
const withSeparateUrl: Upcaster = ({ url, ...others }) => ({ ...others, url: { shown: url ?? null, encrypted: null } });

export const upcasters: Upcasters = {
  'endpoint.registered': [withFilterOfToday, withSeparateUrl],
  'endpoint.subscription-changed': [withFilterOfToday],
  'endpoint.url-changed': [withSeparateUrl],
};

export const currentVersion = (all: Upcasters<string>, type: string) => (all[type]?.length ?? 0) + 1;
