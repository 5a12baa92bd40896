// The filter on deliveries, and its normal form: what it requires of a row.
import type { FailureReason } from '../../domain/attempts.ts';
import type { EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import { messageIdOf } from '../../event-store/id-generation.ts';
import type { DeliveryStatus } from './delivery-view.ts';
import { isGiven, type Optional } from './optional.ts';

/** All that is given must hold. An empty list matches nothing. */
export type DeliveryFilter = {
  readonly endpointId?: Optional<EndpointId>;
  readonly endpointIds?: Optional<readonly EndpointId[]>;
  readonly messageId?: Optional<MessageId>;
  /** The id that the publisher gave the message. */
  readonly clientId?: Optional<string>;
  readonly status?: Optional<readonly DeliveryStatus[]>;
  readonly eventType?: Optional<string>;
  readonly eventTypes?: Optional<readonly string[]>;
  /** None of these. */
  readonly exceptTypes?: Optional<readonly string[]>;
  /** The message was accepted then or later. */
  readonly since?: Optional<Date>;
  /** The message was accepted before then. */
  readonly until?: Optional<Date>;
  /** Of the last attempt. */
  readonly responseCode?: Optional<number>;
  readonly responseCodeFrom?: Optional<number>;
  /** The highest that matches. */
  readonly responseCodeUntil?: Optional<number>;
  /** Of the last attempt. */
  readonly failure?: Optional<readonly FailureReason[]>;
  readonly test?: Optional<boolean>;
};

/** What a filter asks of a row, besides its status. Left out: anything. Lists are not empty. */
export type DeliveryConditions = {
  readonly endpoints?: readonly EndpointId[] | undefined;
  readonly messageId?: MessageId | undefined;
  readonly types?: readonly string[] | undefined;
  readonly exceptTypes?: readonly string[] | undefined;
  /** Both included. */
  readonly codes?: { readonly from: number; readonly to: number } | undefined;
  readonly failures?: readonly FailureReason[] | undefined;
  readonly test?: boolean | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
};

/** Undefined: nothing can match. */
export const conditionsOf = (organization: OrganizationId, filter: DeliveryFilter): DeliveryConditions | undefined => {
  const { endpointId, endpointIds, messageId, clientId, eventType, eventTypes, responseCode, failure } = filter;
  const endpoints = both(one(endpointId), endpointIds);
  const types = both(one(eventType), eventTypes);
  const messages = both(one(messageId), isGiven(clientId) ? [messageIdOf(organization, clientId)] : undefined);
  const failures = isGiven(failure) ? [...new Set(failure)] : undefined;
  const [from, to] = [filter.responseCodeFrom ?? responseCode ?? 0, filter.responseCodeUntil ?? responseCode ?? mostCode];
  const isCodeGiven = [responseCode, filter.responseCodeFrom, filter.responseCodeUntil].some(isGiven);
  const codes = { from: Math.max(from, responseCode ?? from), to: Math.min(to, responseCode ?? to) };
  if ([endpoints, types, messages, failures].some((list) => list?.length === 0) || (isCodeGiven && codes.from > codes.to)) return undefined;
  return {
    endpoints,
    messageId: messages?.[0],
    types,
    exceptTypes: filter.exceptTypes ?? undefined,
    codes: isCodeGiven ? codes : undefined,
    failures,
    test: filter.test ?? undefined,
    since: filter.since ?? undefined,
    until: filter.until ?? undefined,
  };
};

/** More than any response code. */
const mostCode = 2 ** 31 - 1;

const one = <T>(value: Optional<T>): readonly T[] | undefined => (isGiven(value) ? [value] : undefined);

/** The values in both lists, without duplicates. A missing list matches everything. */
export const both = <T>(some: Optional<readonly T[]>, others: Optional<readonly T[]>): readonly T[] | undefined => {
  if (!isGiven(some)) return isGiven(others) ? [...new Set(others)] : undefined;
  return [...new Set(some)].filter((value) => !isGiven(others) || others.includes(value));
};
