// The services of a log server over gRPC, built on the stubs in the client package: Streams, ServerFeatures and Gossip, as far as the package uses
// them to append, read and subscribe. Answers and errors are as in the server's source.
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import gossipService from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import type gossip from '@eventstore/db-client/generated/gossip_pb.js';
import featuresService from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import grpc, { type Metadata, type Server, type ServerDuplexStream } from '@grpc/grpc-js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Counts, Faults } from './faults.ts';
import { clusterInfoOf } from './gossip.ts';
import { answerTo, expectedOf, failure, nameOf, proposedOf, refused } from './messages.ts';
import { first, send, sendEvent, type ReadCall } from './read-call.ts';
import type { Proposed, ServerLog } from './server-log.ts';

type AppendCall = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>;

/** A node as Gossip reports it. */
export type Member = { readonly address: string; readonly port: number; readonly leads: boolean };

const notLeader = ({ address, port }: Pick<Member, 'address' | 'port'>) => {
  const leader = { 'leader-endpoint-host': address, 'leader-endpoint-port': `${port}` };
  return failure(grpc.status.NOT_FOUND, 'Leader info available', 'not-leader', leader);
};

const maxAppendSize = 1024 * 1024;
/** The server's own time limit for an append. */
const appendTimeoutMs = 1_000;
const defaultWindow = 32;

export class Services {
  private readonly calls = new Set<AppendCall | ReadCall>();
  private readonly held: (() => void)[] = [];
  private readonly log: ServerLog;
  private readonly faults: Faults;
  private readonly counts: Counts;
  private readonly members: () => readonly Member[];
  private readonly port: () => number;

  /** @param members the nodes of its cluster; none: it is alone */
  constructor(log: ServerLog, faults: Faults, counts: Counts, { members, port }: { members: () => readonly Member[]; port: () => number }) {
    this.log = log;
    this.faults = faults;
    this.counts = counts;
    this.members = members;
    this.port = port;
  }

  addTo(server: Server): void {
    server.addService(streamsService.StreamsService, {
      read: (call: ReadCall) => void this.read(call),
      batchAppend: (call: AppendCall) => this.batchAppend(call),
    });
    server.addService(featuresService.ServerFeaturesService, {
      getSupportedMethods: (_: unknown, answer: (error: null, methods: features.SupportedMethods) => void) => {
        const methods = new features.SupportedMethods();
        methods.setEventStoreServerVersion('23.10.8');
        methods.setMethodsList(
          ['batchappend', 'read', 'append'].map((name) => {
            const method = new features.SupportedMethod();
            method.setServiceName('event_store.client.streams.streams');
            method.setMethodName(name);
            return method;
          }),
        );
        answer(null, methods);
      },
    });
    server.addService(gossipService.GossipService, {
      read: (_: unknown, answer: (error: null, info: gossip.ClusterInfo) => void) => answer(null, clusterInfoOf(this.members())),
    });
  }

  /** Sends the answers that were held. */
  release(): void {
    for (const answer of this.held.splice(0)) answer();
  }

  /** Ends every call, with an error or, like a server that shuts down, without. */
  endCalls(error?: { readonly code: number; readonly details: string }): void {
    for (const call of this.calls)
      if (error) call.emit('error', failure(error.code, error.details));
      else call.end();
  }

  /** The server's error for an unknown user, for one without the right, or for a call that only the leader takes. */
  private refusal(metadata: Metadata, all: boolean) {
    if (metadata.get('requires-leader').length > 0 && this.members().length > 0) {
      const leader = this.members().find(({ leads }) => leads);
      if (!leader) return failure(grpc.status.UNAVAILABLE, 'Server Is Not Ready');
      if (leader.port !== this.port()) return notLeader(leader);
    }
    const { user } = this.faults;
    if (!user) return undefined;
    const given = String(metadata.get('authorization')[0] ?? '');
    const expected = `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`;
    if (given !== expected) return failure(grpc.status.UNAUTHENTICATED, 'Unauthenticated');
    return all && !user.mayReadAll ? failure(grpc.status.PERMISSION_DENIED, 'Access Denied', 'access-denied') : undefined;
  }

  // ── Appending ──

  private batchAppend(call: AppendCall): void {
    const refusal = this.refusal(call.metadata, false);
    if (refusal) return void call.emit('error', refusal);
    this.open(call);
    const pending = new Map<string, { options: streams.BatchAppendReq.Options; events: Proposed[]; size: number }>();
    call.on('data', (request: streams.BatchAppendReq) => {
      const correlation = request.getCorrelationId()?.getString() ?? '';
      const options = request.getOptions();
      if (options) pending.set(correlation, { options, events: [], size: 0 });
      const append = pending.get(correlation);
      if (!append) return;
      for (const proposed of request.getProposedMessagesList()) {
        const event = proposedOf(proposed);
        append.size += event.data.length + event.metadata.length + 2 * event.type.length;
        append.events.push(event);
      }
      if (append.size > maxAppendSize) {
        pending.delete(correlation);
        const details = new shared.MaximumAppendSizeExceeded();
        details.setMaxappendsize(maxAppendSize);
        return this.answer(call, correlation, append.options, refused('MaximumAppendSizeExceeded', details));
      }
      if (!request.getIsFinal()) return;
      pending.delete(correlation);
      this.carryOut(call, correlation, append.options, append.events);
    });
    call.on('end', () => call.end());
  }

  private carryOut(call: AppendCall, correlation: string, options: streams.BatchAppendReq.Options, events: readonly Proposed[]): void {
    const { faults, counts } = this;
    counts.appends += 1;
    counts.unanswered += 1;
    counts.mostUnanswered = Math.max(counts.mostUnanswered, counts.unanswered);
    const answer = (fill: (answer: streams.BatchAppendResp) => void) => {
      counts.unanswered -= 1;
      this.answer(call, correlation, options, fill);
    };
    if (faults.notLeader) return void call.emit('error', notLeader(faults.notLeader));
    if (faults.notReady) return answer(refused('Server Is Not Ready', new empty.Empty(), 'google.protobuf.Empty'));
    const outcome = this.log.append(nameOf(options.getStreamIdentifier()), expectedOf(options), events);
    if (outcome.kind === 'repeated' && faults.dropRepeats > 0) {
      faults.dropRepeats -= 1;
      return void setTimeout(() => answer(refused('Timeout', new shared.Timeout())), appendTimeoutMs);
    }
    if (faults.loseAnswers > 0) {
      faults.loseAnswers -= 1;
      return;
    }
    const filled = answerTo(outcome, options, faults.repeatsWithoutPosition);
    if (faults.holdAnswers) this.held.push(() => answer(filled));
    else {
      answer(filled);
      if (faults.repeatAnswers > 0) {
        faults.repeatAnswers -= 1;
        this.answer(call, correlation, options, filled);
      }
    }
  }

  private answer(
    call: AppendCall,
    correlation: string,
    options: streams.BatchAppendReq.Options,
    fill: (answer: streams.BatchAppendResp) => void,
  ): void {
    const answer = new streams.BatchAppendResp();
    const id = new shared.UUID();
    id.setString(correlation);
    answer.setCorrelationId(id);
    answer.setStreamIdentifier(options.getStreamIdentifier());
    fill(answer);
    if (!call.cancelled) call.write(answer);
  }

  // ── Reading ──

  private async read(call: ReadCall): Promise<void> {
    const options = call.request.getOptions() ?? new streams.ReadReq.Options();
    const refusal = this.refusal(call.metadata, options.hasAll());
    if (refusal) return void call.emit('error', refusal);
    this.open(call);
    this.counts.openReads += 1;
    call.once('close', () => (this.counts.openReads -= 1));
    if (options.hasSubscription()) return this.subscribe(call, options);
    const limit = Number(options.getCount());
    const backwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
    if (options.hasAll()) {
      this.counts.allReads += 1;
      await this.readAll(call, options.getAll(), backwards, limit);
    } else {
      this.counts.streamReads += 1;
      await this.readStream(call, options.getStream() ?? new streams.ReadReq.Options.StreamOptions(), backwards, limit);
    }
  }

  private async readStream(call: ReadCall, options: streams.ReadReq.Options.StreamOptions, backwards: boolean, limit: number) {
    const name = nameOf(options.getStreamIdentifier());
    const events = this.log.read(name);
    if (events === 'deleted') {
      const error = failure(grpc.status.FAILED_PRECONDITION, `Event stream '${name}' is deleted.`, 'stream-deleted', {
        'stream-name': name,
      });
      return void call.emit('error', error);
    }
    if (events === undefined) {
      await send(call, (answer) => {
        const notFound = new streams.ReadResp.StreamNotFound();
        notFound.setStreamIdentifier(options.getStreamIdentifier());
        answer.setStreamNotFound(notFound);
      });
      return void call.end();
    }
    const from = options.hasRevision() ? BigInt(options.getRevision()) : undefined;
    const chosen = backwards
      ? events.filter(({ revision }) => from === undefined || revision <= from).toReversed()
      : events.filter(({ revision }) => from === undefined || revision >= from);
    for (const event of chosen.slice(0, limit)) {
      if (call.cancelled) return;
      await sendEvent(call, event, !this.faults.withoutPositions);
    }
    call.end();
  }

  private async readAll(call: ReadCall, options: streams.ReadReq.Options.AllOptions | undefined, backwards: boolean, limit: number) {
    const { records } = this.log;
    const position = options?.hasPosition() ? BigInt(options.getPosition()?.getCommitPosition() ?? 0) : undefined;
    let index = backwards ? records.length - 1 : 0;
    // Forwards the event at the position is included; backwards it is not.
    if (position !== undefined) index = backwards ? this.log.indexOf(position) - 1 : this.log.indexOf(position);
    for (let count = 0; count < limit && !call.cancelled; count += 1, index += backwards ? -1 : 1) {
      const event = records[index];
      if (!event) break;
      await sendEvent(call, event);
    }
    call.end();
  }

  /** Catches up, says so, and continues with new events. A live subscriber that does not read is dropped. */
  private async subscribe(call: ReadCall, options: streams.ReadReq.Options): Promise<void> {
    const { log, faults, counts } = this;
    counts.subscriptions += 1;
    const confirmation = new streams.ReadResp.SubscriptionConfirmation();
    confirmation.setSubscriptionId(randomUUID());
    await send(call, (answer) => answer.setConfirmation(confirmation));
    const all = options.getAll();
    const after = all?.hasPosition() ? BigInt(all.getPosition()?.getCommitPosition() ?? 0) : -1n;
    const filter = options.getFilter();
    const prefixes = filter?.getStreamIdentifier()?.getPrefixList() ?? [''];
    const window = (filter?.hasMax() ? filter.getMax() : defaultWindow) * (filter?.getCheckpointintervalmultiplier() ?? 1);
    let index = log.indexOf(after + 1n);
    let considered = 0;
    let told = after;
    let live = false;
    const checkpoint = async () => {
      const last = log.records[index - 1]?.position;
      if (!filter || last === undefined || last <= told) return;
      told = last;
      const reached = new streams.ReadResp.Checkpoint();
      reached.setCommitPosition(String(last));
      reached.setPreparePosition(String(last));
      await send(call, (answer) => answer.setCheckpoint(reached));
    };
    while (!call.cancelled && !call.writableEnded) {
      const event = log.records[index];
      if (event) {
        index += 1;
        considered += 1;
        counts.searched += 1;
        if (prefixes.some((prefix) => event.stream.startsWith(prefix))) await sendEvent(call, event);
        if (live && log.records.length - index > faults.mostUnread) {
          const details = 'Operation timed out: Consumer too slow to handle event while live. Client resubscription required.';
          return void call.emit('error', failure(grpc.status.ABORTED, details));
        }
        if (considered % window === 0) await checkpoint();
        if (considered % 100 === 0) await nextTurn();
        continue;
      }
      if (!live && !faults.withoutCaughtUp) {
        await checkpoint();
        await send(call, (answer) => answer.setCaughtUp(new streams.ReadResp.CaughtUp()));
      }
      live = true;
      if (log.records[index] === undefined) await first(call, ['cancelled', 'close'], (grown) => log.whenGrown(grown));
    }
  }

  private open(call: AppendCall | ReadCall): void {
    this.calls.add(call);
    call.once('close', () => this.calls.delete(call));
    call.on('error', () => this.calls.delete(call));
  }
}
