// Relay connections: keyset pages of 1 to 200 rows, 50 by default.
import type { Type } from '@nestjs/common';
import { ArgsType, Field, Int, ObjectType } from '@nestjs/graphql';
import type { Page, PageRequest } from '../../read-models/queries/page.ts';
import { mapInSlices } from '../../time-slices.ts';
import { badInput } from '../../domain/errors.ts';

export const defaultFirst = 50;
export const maxFirst = 200;

@ArgsType()
export class PageArgs {
  @Field(() => Int, { nullable: true })
  first?: number | null;
  @Field(() => String, { nullable: true })
  after?: string | null;
}

/** @throws DomainError BAD_USER_INPUT */
export const parsePageArgs = ({ first, after }: PageArgs): PageRequest => {
  const wanted = first ?? defaultFirst;
  if (wanted < 1 || wanted > maxFirst) throw badInput('first', `\`first\` must be 1 to ${maxFirst}; get further pages with \`after\`.`);
  return { first: wanted, after };
};

@ObjectType()
class PageInfo {
  @Field(() => Boolean)
  readonly hasNextPage!: boolean;
  @Field(() => String, { nullable: true })
  readonly endCursor!: string | null;
  @Field(() => Boolean)
  readonly hasPreviousPage!: boolean;
  @Field(() => String, { nullable: true })
  readonly startCursor!: string | null;
}

export type Connection<T> = {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly nodes: readonly T[];
  readonly pageInfo: PageInfo;
};

/** Makes the GraphQL types `<name>Connection` and `<name>Edge`. */
export const connectionType = <T>(name: string, node: () => Type<T>): Type<Connection<T>> => {
  @ObjectType(`${name}Edge`)
  class Edge {
    @Field(() => String)
    readonly cursor!: string;
    @Field(node)
    readonly node!: T;
  }
  @ObjectType(`${name}Connection`)
  class ConnectionType {
    @Field(() => [Edge])
    readonly edges!: Edge[];
    @Field(() => [node()])
    readonly nodes!: T[];
    @Field(() => PageInfo)
    readonly pageInfo!: PageInfo;
  }
  return ConnectionType;
};

export const toConnection = async <V, T>(
  { edges, hasNextPage, hasPreviousPage, endCursor }: Page<V>,
  toNode: (view: V) => T,
): Promise<Connection<T>> => {
  const converted = await mapInSlices(edges, ({ cursor, node }) => ({ cursor, node: toNode(node) }));
  const pageInfo = { hasNextPage, hasPreviousPage, startCursor: edges[0]?.cursor ?? null, endCursor };
  return { edges: converted, nodes: converted.map(({ node }) => node), pageInfo };
};
