// What turns the stored form of an older event into today's. Add to these lists, never change what stands in them.
import type { EventName } from '../domain/catalog.ts';
import type { JsonObject } from '../domain/json.ts';

/** Turns an event's data of one version into that of the next. Pure; what it throws makes the event undecodable. */
export type Upcaster = (data: JsonObject) => JsonObject;

/**
 * By event type: the first upcaster turns version 1 into 2, the second 2 into 3, and so on.
 * So the current version of a type is the length of its list plus one, and 1 where it has none.
 */
export type Upcasters<Name extends string = EventName> = Readonly<Partial<Record<Name, readonly Upcaster[]>>>;

export const upcasters: Upcasters = {};

export const currentVersion = (all: Upcasters<string>, type: string) => (all[type]?.length ?? 0) + 1;
