// The history over GraphQL: the log itself, in pages.
import { Args, Context, Query, Resolver } from '@nestjs/graphql';
import { HistoryQueries } from '../../read-models/history/history-queries.ts';
import { Allow } from '../auth/access.ts';
import { asConnection, PageArgs, pageRequest, type Connection } from './connections.ts';
import type { ApiContext } from './context.ts';
import { HistoryFilter, indexFilter, LogEvent, LogEventConnection, shownEvent } from './history.types.ts';

@Resolver(() => LogEvent)
export class HistoryResolver {
  constructor(private readonly log: HistoryQueries) {}

  @Query(() => LogEventConnection, { description: 'The log itself, oldest first unless `newestFirst`. Admins and auditors.' })
  @Allow('ADMIN', 'AUDITOR')
  async history(
    @Args() page: PageArgs,
    @Args('filter', { type: () => HistoryFilter, nullable: true }) filter: HistoryFilter | null | undefined,
    @Args('newestFirst', { type: () => Boolean, nullable: true, defaultValue: false }) newestFirst: boolean | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Connection<LogEvent>> {
    const found = await this.log.history(caller.organizationId, pageRequest(page), indexFilter(filter), newestFirst ?? false);
    return asConnection(found, (event) => shownEvent(event, caller.role));
  }
}
