// Optional arguments of queries and filters: GraphQL leaves them out or gives null, and both mean the same.
export type Optional<T> = T | null | undefined;

export const isGiven = <T>(value: T): value is NonNullable<T> => value !== null && value !== undefined;
