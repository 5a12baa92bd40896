// What runs here, over GraphQL: the rules that forms show, and for those who run the installation its log, database, consumers and work.
import { Inject } from '@nestjs/common';
import { Context, Field, Float, Int, ObjectType, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { apiKeyRoles } from '../../../domain/api-key.ts';
import { Allow, AllowPortal } from '../../auth/access.ts';
import { coversInstallation } from '../../auth/authentication.ts';
import { READINESS, SYSTEM, type ReadinessSource, type SystemSource } from '../../tokens.ts';
import type { ApiContext } from '../context.ts';

@ObjectType()
class ConsumerState {
  @Field(() => String)
  readonly name!: string;
  @Field(() => String)
  readonly state!: string;
  @Field(() => Int)
  readonly lagEvents!: number;
  @Field(() => Float)
  readonly lagSeconds!: number;
  @Field(() => String, { nullable: true })
  readonly error!: string | null;
}

@ObjectType()
class System {
  @Field(() => String)
  readonly version!: string;
  @Field(() => Boolean, { description: 'Rules that forms show; for every caller.' })
  readonly httpAllowed!: boolean;
  @Field(() => Boolean)
  readonly privateNetworksAllowed!: boolean;
}

/** Attempts that wait do not change much while one operation is answered. */
type Waiting = Awaited<ReturnType<SystemSource['waiting']>>;

@Resolver(() => System)
export class SystemResolver {
  private readonly waitingOf = new WeakMap<ApiContext, Promise<Waiting>>();

  constructor(
    @Inject(SYSTEM) private readonly source: SystemSource,
    @Inject(READINESS) private readonly readiness: ReadinessSource,
  ) {}

  @Query(() => System)
  @Allow(...apiKeyRoles)
  @AllowPortal('VIEW', 'FILTERED')
  system(): System {
    return this.source;
  }

  @ResolveField(() => String, { nullable: true })
  log(@Context() context: ApiContext): string | null {
    return runsInstallation(context) ? this.source.log : null;
  }

  @ResolveField(() => String, { nullable: true })
  database(@Context() context: ApiContext): string | null {
    return runsInstallation(context) ? this.source.database : null;
  }

  @ResolveField(() => [ConsumerState], { nullable: true })
  async consumers(@Context() context: ApiContext): Promise<readonly ConsumerState[] | null> {
    if (!runsInstallation(context)) return null;
    return (await this.readiness.consumers()).map(({ error = null, ...status }) => ({ ...status, error }));
  }

  @ResolveField(() => Int, { nullable: true })
  inFlight(@Context() context: ApiContext): number | null {
    return runsInstallation(context) ? this.source.requestsInFlight() : null;
  }

  @ResolveField(() => Int, { nullable: true })
  async waiting(@Context() context: ApiContext): Promise<number | null> {
    return runsInstallation(context) ? (await this.readWaiting(context)).waiting : null;
  }

  @ResolveField(() => Float, { nullable: true })
  async oldestDueSeconds(@Context() context: ApiContext): Promise<number | null> {
    return runsInstallation(context) ? (await this.readWaiting(context)).oldestDueSeconds : null;
  }

  private readWaiting(context: ApiContext): Promise<Waiting> {
    const known = this.waitingOf.get(context) ?? this.source.waiting();
    this.waitingOf.set(context, known);
    return known;
  }
}

/** Publishers read nothing. */
const runsInstallation = ({ caller }: ApiContext): boolean =>
  coversInstallation(caller) && !(caller.kind === 'API_KEY' && caller.role === 'PUBLISHER');
