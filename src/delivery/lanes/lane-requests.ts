// The requests that a lane has in flight: each takes a place of the process, and a slot where replicas share a limit, until it ends.
import type { EndpointId } from '../../domain/ids.ts';
import { LogUnavailable } from '../../event-store/event-store.ts';
import type { AttemptResult, CircuitView } from '../attempts/attempt-runner.ts';
import { LocalFailure } from '../local-failure.ts';
import type { ScheduleAttempt } from '../saga/saga-commands.ts';
import type { LaneContext } from './lane-context.ts';
import type { Pace } from './pace.ts';
import type { WaitingLane } from './request-limiter.ts';

/**
 * `lease-lost`: another replica makes the attempt. `probed-elsewhere`: another one makes the probe of the open circuit. `log-unavailable`: another one can
 * read the log. `not-sent`: this machine could not. None of these was sent.
 */
type RequestEnd = AttemptResult | 'lease-lost' | 'probed-elsewhere' | 'log-unavailable' | 'not-sent';

type RequestListener = {
  /** The request is over, and its slot free; its outcome is being recorded. */
  readonly onSlotFree: () => void;
  readonly onEnd: (end: RequestEnd) => void;
};

export class LaneRequests {
  private count = 0;

  constructor(
    private readonly lane: WaitingLane,
    private readonly endpointId: EndpointId,
    private readonly context: LaneContext,
    private readonly pace: Pace,
  ) {}

  get inFlight(): number {
    return this.count;
  }

  /** @param slots the attempt has taken one of them; undefined: it needs none */
  async make(attempt: ScheduleAttempt, slots: LaneContext['slots'], { onSlotFree, onEnd }: RequestListener): Promise<void> {
    const { limiter, log } = this.context;
    const { receiverState } = this.pace;
    const { organization } = this.lane;
    this.count++;
    limiter.begin(receiverState, organization);
    let hasSlot = slots !== undefined;
    const releaseSlot = () => {
      if (hasSlot) slots?.release(this.endpointId);
      hasSlot = false;
    };
    const answered = () => {
      if (!hasSlot) return;
      releaseSlot(); // recording the outcome needs none
      onSlotFree();
    };
    try {
      onEnd(await this.run(attempt, answered));
    } catch (error) {
      if (error instanceof LogUnavailable) onEnd('log-unavailable');
      else if (error instanceof LocalFailure) onEnd('not-sent');
      // It stays tracked, so it is not sent over and over. The next start tries it again.
      else log.error({ err: error, id: attempt.id }, 'An attempt could not be carried out.');
    }
    this.count--;
    releaseSlot();
    limiter.end(this.lane, receiverState, organization);
  }

  /** Begins the request at once where nobody has to be asked. */
  private run(attempt: ScheduleAttempt, answered: () => void): Promise<RequestEnd> {
    const { due, runner } = this.context;
    const isProbe = this.pace.allowsProbesOnly && !attempt.isUrgent;
    const allowed = due.mayBeSent(attempt);
    return allowed === true && !isProbe
      ? runner.run(attempt, answered, this.circuit(false))
      : this.ask(attempt, allowed, isProbe, answered);
  }

  private async ask(
    attempt: ScheduleAttempt,
    allowed: boolean | Promise<boolean>,
    isProbe: boolean,
    answered: () => void,
  ): Promise<RequestEnd> {
    const { due, runner } = this.context;
    if (!(await allowed)) return 'lease-lost';
    if (isProbe && !(await due.mayProbe(this.endpointId))) return 'probed-elsewhere';
    return runner.run(attempt, answered, this.circuit(isProbe));
  }

  private circuit(isProbe: boolean): CircuitView {
    return { isProbe, failingMs: () => this.pace.circuit.failingMs(performance.now()) };
  }
}
