// The way to the views from outside: one query class for all that `ViewQueries` answers, carried by the QueryBus.
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { ViewQueries } from './queries.ts';

type Questions = {
  [Q in keyof ViewQueries as ReturnType<ViewQueries[Q]> extends Promise<unknown> ? Q : never]: ViewQueries[Q];
};

/** Asks the views: `queries.execute(new AskViews('endpoint', organizationId, id))`. */
export class AskViews<Q extends keyof Questions> extends Query<Awaited<ReturnType<Questions[Q]>>> {
  readonly parameters: Parameters<Questions[Q]>;

  constructor(
    readonly question: Q,
    ...parameters: Parameters<Questions[Q]>
  ) {
    super();
    this.parameters = parameters;
  }
}

@QueryHandler(AskViews)
export class AskViewsHandler implements IQueryHandler<AskViews<keyof Questions>> {
  constructor(private readonly views: ViewQueries) {}

  async execute({ question, parameters }: AskViews<keyof Questions>): Promise<Awaited<ReturnType<Questions[keyof Questions]>>> {
    // `AskViews` pairs each question with its own parameters; the union of all of them no longer knows that.
    const answer = this.views[question] as (...given: unknown[]) => ReturnType<Questions[keyof Questions]>;
    return answer.apply(this.views, parameters);
  }
}
