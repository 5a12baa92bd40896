// Counts of connections, made only when they are asked for: `count(max)` beside a page.
import type { Type } from '@nestjs/common';
import { Args, Field, Int, ObjectType, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import type { Count as CountView } from '../../read-models/queries/counting.ts';
import { validate } from '../input-validation.ts';
import type { Connection } from './connections.ts';

const defaultMax = 10_000;
const countMax = z.int().min(1, 'must be 1 or more').max(100_000, 'must be at most 100000');

@ObjectType({
  description:
    'Counted up to `max`, or until 100,000 rows or 50 ms are spent; `exact` says whether that was all. With `filter.data`: of what this request searched.',
})
class Count implements CountView {
  @Field(() => Int)
  readonly value!: number;
  @Field(() => Boolean)
  readonly exact!: boolean;
}

/** `countUpTo`: counts all that match the list's filter, whatever the page. */
export type CountedConnection<T> = Connection<T> & { readonly countUpTo: (max: number) => Promise<CountView> | CountView };

/** Makes the resolver of `count` on a type that `connectionType` made, whose values are counted connections. */
export const countResolver = <T>(connection: Type<Connection<T>>): Type => {
  @Resolver(() => connection)
  class CountResolver {
    @ResolveField(() => Count)
    count(
      @Parent() { countUpTo }: CountedConnection<T>,
      @Args('max', { type: () => Int, nullable: true, defaultValue: defaultMax }) max: number | null,
    ): Promise<CountView> | CountView {
      return countUpTo(validate(countMax, max ?? defaultMax, 'max'));
    }
  }
  return CountResolver;
};
