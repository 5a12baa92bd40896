// The changes of an endpoint as sentences: what somebody did in one go, with the fields that it changed. Pure.
import type { Json } from '../../api/graphql.ts';
import { fieldLabel, valueText } from './configuration.ts';

type FieldChange = {
  readonly field: string;
  readonly from: Json;
  readonly to: Json;
  readonly actor: string;
  readonly at: string;
  readonly event: { readonly id: string; readonly position: string; readonly type: string };
};
export type Change = {
  readonly id: string;
  readonly position: string;
  readonly at: string;
  readonly sentence: string;
  /** None for what the sentence says whole. */
  readonly fields: readonly { readonly name: string; readonly label: string; readonly from: string; readonly to: string }[];
};

const longest = 90;

/** "apikey:Deploys" is Deploys, "portal:anna" is anna in the portal; a part of the system is named as such. */
export const actorName = (actor: string): string => {
  const [kind, ...rest] = actor.split(':');
  const name = rest.join(':');
  if (kind === 'apikey') return name;
  return kind === 'portal' ? `${name} (portal)` : `Hookledger (${name})`;
};

const list = new Intl.ListFormat('en', { type: 'conjunction' });

const valueOf = (changes: readonly FieldChange[], field: string) => changes.find((each) => each.field === field)?.to ?? null;

const statusSentence = (changes: readonly FieldChange[]): string | undefined => {
  const status = changes.find(({ field }) => field === 'status');
  if (status === undefined) return undefined;
  const reason = valueOf(changes, 'disabledReason');
  if (status.to === 'PAUSED') return 'paused it';
  if (status.to === 'DISABLED') return typeof reason === 'string' ? `disabled it: ${reason}` : 'disabled it';
  return status.from === 'PAUSED' ? 'resumed it' : 'enabled it';
};

/** `isWhole`: it says all there is to say, values included. */
type Told = { readonly sentence: string; readonly isWhole: boolean };

const unset = '–';

const toldOf = (changes: readonly FieldChange[]): Told => {
  const [first] = changes;
  if (first === undefined) return { sentence: '', isWhole: true };
  const who = actorName(first.actor);
  if (first.event.type === 'endpoint.registered') return { sentence: `${who} made it`, isWhole: true };
  if (first.event.type === 'endpoint.deleted') return { sentence: `${who} deleted it`, isWhole: true };
  const done = statusSentence(changes);
  if (done !== undefined) return { sentence: `${who} ${done}`, isWhole: true };
  const { field, from, to } = first;
  if (changes.length > 1)
    return { sentence: `${who} changed ${list.format(changes.map((each) => fieldLabel(each.field)))}`, isWhole: false };
  if (field === 'secret') return { sentence: `${who} changed the secret`, isWhole: true };
  const label = fieldLabel(field);
  const [before, after] = [valueText(field, from), valueText(field, to)];
  if (before.length + after.length > longest || /\n/.test(before + after)) return { sentence: `${who} changed ${label}`, isWhole: false };
  if (before === unset) return { sentence: `${who} set ${label} to ${after}`, isWhole: true };
  if (after === unset) return { sentence: `${who} removed ${label}, which was ${before}`, isWhole: true };
  return { sentence: `${who} changed ${label} from ${before} to ${after}`, isWhole: true };
};

/** The newest first; one for each event. */
export const changesOf = (all: readonly FieldChange[]): readonly Change[] => {
  const byEvent = Map.groupBy(all, ({ event }) => event.id);
  return Array.from(byEvent.values(), (changes): Change => {
    const { event, at } = changes[0]!;
    const { sentence, isWhole } = toldOf(changes);
    const fields = isWhole
      ? []
      : changes.map(({ field, from, to }) => ({
          name: field,
          label: fieldLabel(field),
          from: valueText(field, from),
          to: valueText(field, to),
        }));
    return { id: event.id, position: event.position, at, sentence, fields };
  }).toReversed();
};

/** When it was disabled last; undefined if never. */
export const disabledAt = (all: readonly FieldChange[]): string | undefined =>
  all.findLast(({ field, to }) => field === 'status' && to === 'DISABLED')?.at;

/** What happens later has other causes. */
const causeWithinMs = 3_600_000;

/** The last change shortly before something began, which may be why. What was changed before there was anything to fail is no cause. */
export const changeBefore = (
  changes: readonly Change[],
  began: string,
): { readonly change: Change; readonly afterMs: number } | undefined => {
  const change = changes.find(({ at }) => at <= began);
  const afterMs = change === undefined ? Number.NaN : Date.parse(began) - Date.parse(change.at);
  return change !== undefined && change !== changes.at(-1) && afterMs <= causeWithinMs ? { change, afterMs } : undefined;
};
