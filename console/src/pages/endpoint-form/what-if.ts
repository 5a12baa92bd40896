// What a change of an endpoint would change: which past messages it would get that it does not get now, and the other way round. Pure.

type Received = { readonly message: { readonly id: string; readonly eventType: string; readonly acceptedAt: string } };
export type Effect = 'more' | 'fewer' | 'same';
export type Affected = Received['message'] & { readonly effect: Effect };

/** Those that change come first, each the newest first. @param before undefined: there is no endpoint yet */
export const affectedBy = (before: readonly Received[] | undefined, after: readonly Received[]): readonly Affected[] => {
  const [had, has] = [before ?? [], after].map((all) => new Set(all.map(({ message }) => message.id)));
  const of = (all: readonly Received[], effect: Effect, isOf: (id: string) => boolean) =>
    all.filter(({ message }) => isOf(message.id)).map(({ message }) => ({ ...message, effect }));
  return [
    ...of(before ?? [], 'fewer', (id) => has?.has(id) !== true),
    ...of(after, 'more', (id) => had?.has(id) !== true),
    ...of(after, 'same', (id) => had?.has(id) === true),
  ];
};

export const countOf = (all: readonly Affected[], effect: Effect): number => all.filter((each) => each.effect === effect).length;
