// The health of an endpoint over GraphQL: whether its receiver works, and when the next probe goes out if its circuit is open.
import { Context, Field, Int, ObjectType, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { healthStates, type HealthState as State } from '../../../domain/circuit.ts';
import type { EndpointHealthView } from '../../../read-models/queries/endpoint-health.ts';
import type { ApiContext } from '../context.ts';
import { shownLastError } from '../deliveries/shown-error.ts';
import { enumType } from '../enums.ts';
import { DateTime } from '../scalars.ts';
import { Endpoint } from './endpoint.types.ts';

export const HealthState = enumType('HealthState', healthStates);

@ObjectType({ description: 'OPEN: the circuit is open, only probes are made.' })
class EndpointHealth implements EndpointHealthView {
  @Field(() => HealthState)
  readonly state!: State;
  @Field(() => DateTime, { nullable: true })
  readonly since!: string | null;
  @Field(() => Int)
  readonly consecutiveFailures!: number;
  @Field(() => DateTime, { nullable: true })
  readonly nextProbeAt!: string | null;
  @Field(() => String, { nullable: true })
  readonly lastError!: string | null;
  @Field(() => DateTime, { nullable: true })
  readonly lastSuccessAt!: string | null;
}

@Resolver(() => Endpoint)
export class EndpointHealthResolver {
  @ResolveField(() => EndpointHealth)
  async health(@Parent() { id, url }: Endpoint, @Context() { loaders, caller }: ApiContext): Promise<EndpointHealth> {
    const health = await loaders.health.load(id);
    const { lastError } = health;
    if (lastError === null) return health;
    return { ...health, lastError: shownLastError(lastError, url, caller.sight) };
  }
}
