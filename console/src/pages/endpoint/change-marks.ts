// The marks in the chart of an endpoint: when somebody changed what its receiver notices. Pure.

type FieldChange = {
  readonly field: string;
  /** ISO 8601. */
  readonly at: string;
  readonly event: { readonly position: string; readonly type: string };
};

/** What somebody changed in one go. `at`: milliseconds since 1970. */
export type MarkedChange = { readonly at: number; readonly position: string; readonly fields: readonly string[] };

/** No receiver notices them. */
const unnoticed: ReadonlySet<string> = new Set(['name', 'description', 'disabledReason', 'disableAfterSeconds']);

/** Oldest first. The making of the endpoint is no change. */
export const marksOf = (changes: readonly FieldChange[]): readonly MarkedChange[] => {
  const noticed = changes.filter(({ field, event }) => !unnoticed.has(field) && event.type !== 'endpoint.registered');
  return Array.from(
    Map.groupBy(noticed, ({ event }) => event.position),
    ([position, of]) => ({
      at: Date.parse(of[0]!.at),
      position,
      fields: of.map(({ field }) => field),
    }),
  ).toSorted((a, b) => a.at - b.at);
};
