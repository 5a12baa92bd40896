// Which events are chosen, as a tree of groups. An endpoint subscribes by `*`, by group, by name or by pattern. Pure.

export type EventTypeName = { readonly name: string; readonly group: string };
export type Group = { readonly name: string; readonly types: readonly string[] };
export type Mark = 'all' | 'some' | 'none';

export const groupsOf = (types: readonly EventTypeName[]): readonly Group[] => {
  const groups = new Map<string, string[]>();
  for (const { name, group } of types) groups.set(group, [...(groups.get(group) ?? []), name]);
  return Array.from(groups, ([name, all]) => ({ name, types: all.toSorted() })).toSorted((a, b) => a.name.localeCompare(b.name));
};

const takes = (chosen: readonly string[], { name: group }: Group, type: string): boolean =>
  chosen.some((each) => each === '*' || each === group || each === type || (each.endsWith('.*') && type.startsWith(each.slice(0, -1))));

export const markOfType = (chosen: readonly string[], group: Group, type: string): boolean => takes(chosen, group, type);

/** The first type of the tree that is taken, to show an example of. */
export const firstTaken = (chosen: readonly string[], groups: readonly Group[]): string | undefined =>
  groups.flatMap((group) => group.types.filter((type) => takes(chosen, group, type)))[0];

export const markOfGroup = (chosen: readonly string[], group: Group): Mark => {
  const taken = group.types.filter((type) => takes(chosen, group, type)).length;
  return taken === 0 ? 'none' : taken === group.types.length ? 'all' : 'some';
};

/** The names that stand for no group and no type of the tree: patterns, and types that are not defined yet. */
export const othersIn = (chosen: readonly string[], groups: readonly Group[]): readonly string[] =>
  chosen.filter((each) => each !== '*' && !groups.some(({ name, types }) => name === each || types.includes(each)));

const without = (chosen: readonly string[], group: Group): readonly string[] =>
  chosen.filter((each) => each !== group.name && !group.types.includes(each));

/** `*` means the groups, once one of them is changed. */
const spelledOut = (chosen: readonly string[], groups: readonly Group[]): readonly string[] =>
  chosen.includes('*') ? groups.map(({ name }) => name) : chosen;

export const toggleGroup = (chosen: readonly string[], groups: readonly Group[], group: Group): readonly string[] => {
  const before = spelledOut(chosen, groups);
  return markOfGroup(before, group) === 'all' ? without(before, group) : [...without(before, group), group.name];
};

export const toggleType = (chosen: readonly string[], groups: readonly Group[], group: Group, type: string): readonly string[] => {
  const before = spelledOut(chosen, groups);
  const taken = group.types.filter((each) => takes(before, group, each) !== (each === type));
  return [...without(before, group), ...(taken.length === group.types.length ? [group.name] : taken)];
};
