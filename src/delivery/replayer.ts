// The replayer: carries out running replays, each at its own pace, from the progress that the log has.
// Guarantee: a delivery's state names the replays that have sent it, so a replay sends it once, also after a crash and beside other replicas. Messages that
// were not counted yet are looked at again. Limit: a replay makes attempts due, which arrive at least once, like any others.
import type { BaseLogger } from 'pino';
import { batch } from '../domain/batch.ts';
import { delivery, type DeliverySubject } from '../domain/delivery.ts';
import type { BatchId, DeliveryId, MessageId, ReplayId } from '../domain/ids.ts';
import { type MessageEvent } from '../domain/message.ts';
import { replay, type ReplayCommand, type ReplayScope, type RunningReplay } from '../domain/replay.ts';
import type { Cause, CommandExecutor } from '../commands/command-executor.ts';
import { foldStream, type EventStore, type RecordedEvent } from '../event-store/event-store.ts';
import { deliveryIdOf } from '../event-store/id-generation.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import type { ResolvedEndpoint } from '../read-models/directory/resolved-endpoint.ts';
import type { DeliveryQueries } from '../read-models/queries/delivery-queries.ts';
import type { DeliveryView } from '../read-models/queries/delivery-view.ts';
import type { PastMessage, ReplayQueries } from '../read-models/queries/replay-queries.ts';
import { takeInSlices } from '../time-slices.ts';
import { JobRunner } from './job-runner.ts';
import { Turns } from '../turns.ts';
import { jobsAtOnce } from './job-runner.ts';
import { retryUntilLogAvailable } from './retry-until-log-available.ts';
import { batchStream, deliveryStream, messageStream, replayStream } from '../domain/streams.ts';

/** In one step, which is a quarter of a second's worth. */
const maxLooked = 500;
const maxSent = 200;
const stepsPerSecond = 4;
const longestPauseMs = 500;

/** A message to send, and how. */
type ChosenMessage = {
  readonly id: DeliveryId;
  readonly subject: DeliverySubject;
  readonly batch: { readonly id: BatchId; readonly size: number } | null;
  /** Set if the message was not routed to the endpoint. */
  readonly messageType: string | undefined;
};

export class Replayer {
  /** Until when each waits after its last step, in `performance.now()` time. */
  private readonly paces = new Map<ReplayId, { readonly step: string; readonly until: number }>();
  private readonly jobs: JobRunner<ReplayId>;

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly executor: Pick<CommandExecutor, 'execute' | 'executeAll'>,
    private readonly directory: Pick<EndpointDirectory, 'endpoint' | 'kindOf'>,
    private readonly replays: Pick<ReplayQueries, 'running' | 'messagesAfter'>,
    private readonly deliveries: Pick<DeliveryQueries, 'byIds'>,
    log: Pick<BaseLogger, 'info' | 'warn'>,
    /** At the steps of jobs. */
    private readonly turns = new Turns(jobsAtOnce),
  ) {
    this.jobs = new JobRunner({ name: 'replay', running: () => replays.running(), carryOut: (id) => this.carryOut(id) }, log);
  }

  start(): void {
    this.jobs.start();
  }

  /** Finishes the running steps. The replays continue at the next start. */
  stop(): Promise<void> {
    return this.jobs.stop();
  }

  private async carryOut(id: ReplayId): Promise<void> {
    while (!this.jobs.isStopping && (await this.step(id)));
    this.paces.delete(id);
  }

  /** @returns whether there may be more to do */
  private async step(id: ReplayId): Promise<boolean> {
    // 1. Load the replay: another replica may have carried out a step, or a person may have cancelled it.
    const events = await retryUntilLogAvailable(() => this.store.readStream(replayStream(id)));
    const [requested] = events;
    const state = foldStream(replay, events);
    if (!requested || state.status !== 'running') return false;
    const { correlationId } = requested.metadata;
    const because = { causationId: requested.id, ...(correlationId === undefined ? {} : { correlationId }) };
    const cause: Cause = { actor: 'system:replayer', commandId: id, ...because };
    const decide = (command: ReplayCommand) =>
      retryUntilLogAvailable(() => this.executor.execute({ stream: replayStream(id), decider: replay, command }, cause));
    // 2. Wait until the pace allows the next step.
    const wait = this.waitOf(id, state);
    if (wait > 0) {
      await this.jobs.pause(Math.min(wait, longestPauseMs)); // no longer, as it may be cancelled
      return true;
    }
    return this.turns.run(`${state.organizationId}/${id}`, () => this.carryOutStep(id, state, decide, cause));
  }

  private async carryOutStep(
    id: ReplayId,
    state: RunningReplay,
    decide: (command: ReplayCommand) => Promise<unknown>,
    cause: Cause,
  ): Promise<boolean> {
    const endpoint = this.directory.endpoint(state.endpointId);
    if (!endpoint) {
      await decide({ type: 'Cancel', now: new Date(), reason: 'the endpoint was deleted' });
      return false;
    }
    // 3. Choose the messages of this step.
    const page = await this.replays.messagesAfter(id, state.after, maxLooked);
    const { chosen, looked } = await this.choose(page, state, endpoint);
    const last = looked.at(-1);
    if (!last) {
      await decide({ type: 'Finish', now: new Date() });
      return false;
    }
    // 4. Send them, then count them: a crash in between leaves none out.
    const sent = await this.send(id, chosen, cause);
    const counts = { looked: looked.length, sent, cameTo: last.acceptedAt };
    await decide({ type: 'Progress', now: new Date(), from: state.after, after: last.id, ...counts });
    return true;
  }

  /** Counted from when this process saw the last step, so that no clock can make it longer. */
  private waitOf(id: ReplayId, { at, after, sentThen, ratePerSecond }: RunningReplay): number {
    const step = after ?? '';
    let pace = this.paces.get(id);
    if (pace?.step !== step) {
      const gapMs = (sentThen / ratePerSecond) * 1_000;
      pace = { step, until: performance.now() + Math.min(gapMs, Date.parse(at) + gapMs - Date.now()) };
      this.paces.set(id, pace);
    }
    return pace.until - performance.now();
  }

  private async choose(page: readonly PastMessage[], state: RunningReplay, endpoint: ResolvedEndpoint) {
    const most = Math.max(1, Math.min(maxSent, Math.floor(state.ratePerSecond / stepsPerSecond)));
    const ids = page.map((each) => deliveryIdOf(each.id, endpoint.id));
    const deliveries = new Map((await this.deliveries.byIds(state.organizationId, ids)).map((each) => [each.id, each]));
    const looked: PastMessage[] = [];
    const chosen: ChosenMessage[] = [];
    for (const each of page) {
      if (chosen.length >= most) break;
      looked.push(each);
      const accepted = await this.accepted(each.id);
      const existing = deliveries.get(deliveryIdOf(each.id, endpoint.id));
      if (accepted && (await this.isWanted(accepted, existing, state, endpoint))) chosen.push(chosenOf(each.id, accepted, existing, state));
    }
    return { chosen, looked };
  }

  private async accepted(id: MessageId): Promise<RecordedEvent<MessageEvent> | undefined> {
    const [event] = await retryUntilLogAvailable(() => this.store.readStream(messageStream(id), { upTo: 0 }));
    return event?.type === 'message.accepted' ? event : undefined;
  }

  private async isWanted(
    { data }: RecordedEvent<MessageEvent>,
    existing: DeliveryView | undefined,
    { filter, organizationId }: RunningReplay,
    endpoint: ResolvedEndpoint,
  ): Promise<boolean> {
    const inScope: Readonly<Record<ReplayScope, boolean>> = {
      FAILED: existing?.status === 'FAILED',
      SKIPPED: data.skipped.includes(endpoint.id),
      NEVER_SENT: existing === undefined && !data.destinations.some(({ endpointId }) => endpointId === endpoint.id),
    };
    if (filter.only && !filter.only.some((scope) => inScope[scope])) return false;
    if (!filter.matching) return true;
    return takeInSlices(endpoint.matcher.matchesInSteps({ ...data, ...this.directory.kindOf(organizationId, data.type) }));
  }

  /** @returns how many of them this replay has sent, now or before a crash */
  private async send(replayId: ReplayId, chosen: readonly ChosenMessage[], cause: Cause): Promise<number> {
    const command = { type: 'Replay', now: new Date(), replayId } as const;
    const alone = chosen.filter((each) => !each.batch);
    const sentAlone = await retryUntilLogAvailable(() =>
      this.executor.executeAll(
        alone.map(({ id, subject, messageType }) => ({
          stream: deliveryStream(id),
          decider: delivery,
          command: { ...command, subject, ...(messageType === undefined ? {} : { messageType }) },
        })),
        cause,
      ),
    );
    const batches = new Map(chosen.flatMap((each) => (each.batch ? [[each.batch.id, each] as const] : [])));
    const sentBatches = await retryUntilLogAvailable(() =>
      this.executor.executeAll(
        Array.from(
          batches,
          ([
            id,
            {
              subject: { organizationId, endpointId },
              batch: of,
            },
          ]) => ({
            stream: batchStream(id),
            decider: batch,
            command: { ...command, subject: { organizationId, endpointId, size: of?.size ?? 1 } },
          }),
        ),
        cause,
      ),
    );
    const sent = new Set(
      Array.from(batches.keys()).filter((_, i) => {
        const state = sentBatches[i]?.state;
        return state && 'replays' in state && state.replays?.includes(replayId);
      }),
    );
    const inBatches = chosen.filter((each) => each.batch && sent.has(each.batch.id)).length;
    return sentAlone.filter(({ state }) => state.replays?.includes(replayId)).length + inBatches;
  }
}

const chosenOf = (
  messageId: MessageId,
  { data }: RecordedEvent<MessageEvent>,
  existing: DeliveryView | undefined,
  { organizationId, endpointId }: RunningReplay,
): ChosenMessage => ({
  id: deliveryIdOf(messageId, endpointId),
  subject: { organizationId, messageId, endpointId },
  batch: existing?.batch ?? null,
  messageType: data.destinations.some((each) => each.endpointId === endpointId) ? undefined : data.type,
});
