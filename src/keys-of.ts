// The keys of a record, typed. For records that hold exactly the keys of their type, such as a constant table.

export const keysOf = <T extends object>(record: T) => Object.keys(record) as (keyof T & string)[];
