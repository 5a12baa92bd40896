// Makes the GraphQL enums: each has the values of a list in the domain or the views. An enum is defined with the types of its topic.
import { registerEnumType } from '@nestjs/graphql';

type EnumOf<T extends string> = { readonly [K in T]: K };
type Descriptions<T extends string> = { readonly description?: string; readonly valuesMap?: { [K in T]?: { description: string } } };

export const enumType = <T extends string>(name: string, values: readonly T[], descriptions: Descriptions<T> = {}): EnumOf<T> => {
  const type = Object.fromEntries(values.map((value) => [value, value])) as EnumOf<T>;
  registerEnumType(type, { name, ...descriptions });
  return type;
};
