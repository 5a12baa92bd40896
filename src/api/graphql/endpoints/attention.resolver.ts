// Endpoints that need a person, over GraphQL.
import { Args, Context, Field, Int, ObjectType, Query, Resolver } from '@nestjs/graphql';
import { badInput } from '../../../domain/errors.ts';
import type { EndpointAttention } from '../../../read-models/queries/endpoint-attention.ts';
import { EndpointQueries } from '../../../read-models/queries/endpoint-queries.ts';
import { AllowPortal, AllowReaders } from '../../auth/access.ts';
import type { ApiContext } from '../context.ts';
import { maxFirst } from '../connections.ts';
import { DateTime } from '../scalars.ts';
import { Endpoint, toEndpoint } from './endpoint.types.ts';

@ObjectType()
class Attention {
  @Field(() => Endpoint)
  readonly endpoint!: Endpoint;
  @Field(() => String)
  readonly sentence!: string;
  @Field(() => DateTime)
  readonly since!: string;
  @Field(() => Int)
  readonly waiting!: number;
}

const defaultFirst = 10;

@Resolver()
export class AttentionResolver {
  constructor(private readonly endpoints: EndpointQueries) {}

  @Query(() => [Attention], { description: 'Endpoints that need a person, the worst first.' })
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  async attention(
    @Args('first', { type: () => Int, nullable: true, defaultValue: defaultFirst }) first: number | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Attention[]> {
    const wanted = first ?? defaultFirst;
    if (wanted < 1 || wanted > maxFirst) throw badInput('first', `\`first\` must be 1 to ${maxFirst}.`);
    const { caller, loaders } = context;
    const found = await this.endpoints.inNeed(caller.organizationId, wanted);
    const endpoints = await loaders.endpoint.loadMany(found.map(({ endpointId }) => endpointId));
    return found.flatMap((each, i) => {
      const view = endpoints[i];
      if (!view || view instanceof Error) return [];
      const { since, waiting } = each;
      return [{ endpoint: toEndpoint(view, context), sentence: sentenceOf(each, caller.sight.addresses), since, waiting }];
    });
  }
}

/** @param showsError the last error may name addresses */
const sentenceOf = (
  { why, waiting, skipped, consecutiveFailures, lastError, disabledReason }: EndpointAttention,
  showsError: boolean,
): string => {
  const error = showsError && lastError !== null ? ` The last one: ${lastError}` : '';
  const waits = waiting === 0 ? '' : ` ${waiting} ${waiting === 1 ? 'delivery waits' : 'deliveries wait'}.`;
  if (why === 'DISABLED') {
    const reason = disabledReason === null ? '' : `: ${disabledReason.replace(/\.$/, '')}`;
    const missed = skipped === 0 ? '' : ` ${skipped} ${skipped === 1 ? 'message was' : 'messages were'} skipped since.`;
    return `It is disabled${reason}.${missed}${waits}`;
  }
  const failures = consecutiveFailures === 1 ? 'one attempt failed.' : `${consecutiveFailures} attempts in a row failed.`;
  return why === 'CIRCUIT_OPEN' ? `Only probes are sent: ${failures}${error}${waits}` : `It fails: ${failures}${error}${waits}`;
};
