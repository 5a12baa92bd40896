// The filter on messages over GraphQL.
import { Field, InputType } from '@nestjs/graphql';
import * as z from 'zod';
import { checkFilter } from '../../../domain/filter/check-filter.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../domain/json.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import type { MessageFilter as ViewFilter } from '../../../read-models/queries/message-pages.ts';
import { atMost, invalidInput, validate } from '../../input-validation.ts';
import { DateTime, JsonScalar, toDate } from '../scalars.ts';

@InputType()
export class MessageFilter {
  @Field(() => String, { nullable: true })
  clientId?: string | null;
  @Field(() => [String], { nullable: true })
  eventTypes?: string[] | null;
  @Field(() => String, { nullable: true })
  orderingKey?: string | null;
  @Field(() => JsonScalar, { nullable: true, description: 'A pattern over the content, as the filter of an endpoint is one.' })
  data?: Json;
  @Field(() => DateTime, { nullable: true })
  since?: string | null;
  @Field(() => DateTime, { nullable: true })
  until?: string | null;
  @Field(() => Boolean, { nullable: true, description: 'Those that went nowhere.' })
  unrouted?: boolean | null;
}

const bounds = z.object({
  clientId: z.string().max(256, 'must be at most 256 characters').nullish(),
  eventTypes: atMost(50, z.string()),
  orderingKey: z.string().max(128, 'must be at most 128 characters').nullish(),
});

type Span = { readonly since: Date | undefined; readonly until: Date | undefined };

/** @param span what was given beside the filter: both must hold @throws DomainError BAD_USER_INPUT */
export const parseMessageFilter = (filter: MessageFilter | null | undefined, span: Span): ViewFilter => {
  if (!filter) return span;
  const { clientId, eventTypes, orderingKey, unrouted } = filter;
  const own = { since: toDate(filter.since), until: toDate(filter.until) };
  checkSpan(own.since, own.until, 'filter.until');
  validate(bounds, { clientId, eventTypes, orderingKey }, 'filter');
  return { clientId, eventTypes, orderingKey, unrouted, since: last(own.since, span.since), until: first(own.until, span.until) };
};

const last = (a: Date | undefined, b: Date | undefined) => (a && b ? (a > b ? a : b) : (a ?? b));
const first = (a: Date | undefined, b: Date | undefined) => (a && b ? (a < b ? a : b) : (a ?? b));

/** The pattern over the content, checked. @throws Refusal BAD_USER_INPUT with the paths inside it */
export const parseContentPattern = (pattern: Json | undefined): JsonObject | undefined => {
  if (pattern === undefined || pattern === null) return undefined;
  if (!isJsonObject(pattern))
    throw invalidInput([{ path: 'filter.data', message: 'A pattern is an object, such as {"severity": "critical"}.' }]);
  const issues = checkFilter(pattern);
  if (issues.length > 0)
    throw invalidInput(issues.map(({ path, message }) => ({ path: path === '' ? 'filter.data' : `filter.data.${path}`, message })));
  return pattern;
};
