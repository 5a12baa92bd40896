// Relay connections: pages by keyset, `first` is 1..200, 50 unless said.
import type { Type } from '@nestjs/common';
import { ArgsType, Field, Int, ObjectType } from '@nestjs/graphql';
import type { Page, PageRequest } from '../../read-models/queries/page.ts';
import { badInput } from '../../domain/errors.ts';

export const defaultFirst = 50;
const mostFirst = 200;

@ArgsType()
export class PageArgs {
  @Field(() => Int, { nullable: true })
  first?: number | null;
  @Field(() => String, { nullable: true })
  after?: string | null;
}

/** @throws DomainError BAD_USER_INPUT */
export const pageRequest = ({ first, after }: PageArgs): PageRequest => {
  const wanted = first ?? defaultFirst;
  if (wanted < 1 || wanted > mostFirst)
    throw badInput('first', `\`first\` must be 1 to ${mostFirst}; ask for further pages with \`after\`.`);
  return { first: wanted, after };
};

@ObjectType()
export class PageInfo {
  @Field(() => Boolean)
  readonly hasNextPage!: boolean;
  @Field(() => String, { nullable: true })
  readonly endCursor!: string | null;
}

export type Connection<T> = {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly nodes: readonly T[];
  readonly pageInfo: PageInfo;
};

/** The types `<Name>Connection` and `<Name>Edge` of a node. */
export const connectionOf = <T>(name: string, node: () => Type<T>): Type<Connection<T>> => {
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

export const asConnection = <V, T>({ edges, hasNextPage, endCursor }: Page<V>, as: (view: V) => T): Connection<T> => {
  const shown = edges.map(({ cursor, node }) => ({ cursor, node: as(node) }));
  return { edges: shown, nodes: shown.map(({ node }) => node), pageInfo: { hasNextPage, endCursor } };
};
