// Sending on the double's read calls, no faster than the client reads.
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Recorded } from './server-log.ts';

export type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>;

export const send = async (call: ReadCall, fill: (answer: streams.ReadResp) => void) => {
  const answer = new streams.ReadResp();
  fill(answer);
  if (!call.write(answer) && !call.cancelled) await first(call, ['drain', 'cancelled', 'close']);
};

/** Resolves at the first of these events. */
export const first = (call: ReadCall, names: readonly string[], also?: (resolve: () => void) => void) =>
  new Promise<void>((resolve) => {
    const done = () => {
      for (const name of names) call.off(name, done);
      resolve();
    };
    for (const name of names) call.on(name, done);
    also?.(done);
  });

export const sendEvent = (call: ReadCall, event: Recorded, withPosition = true) =>
  send(call, (answer) => {
    const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
    const id = new shared.UUID();
    id.setString(event.id);
    const identifier = new shared.StreamIdentifier();
    identifier.setStreamName(Buffer.from(event.stream));
    recorded.setId(id);
    recorded.setStreamIdentifier(identifier);
    recorded.setStreamRevision(String(event.revision));
    const position = withPosition ? String(event.position) : String(2n ** 64n - 1n);
    recorded.setCommitPosition(position);
    recorded.setPreparePosition(position);
    recorded.getMetadataMap().set('type', event.type);
    recorded.getMetadataMap().set('created', String(event.created));
    recorded.getMetadataMap().set('content-type', event.isJson ? 'application/json' : 'application/octet-stream');
    recorded.setData(event.data);
    recorded.setCustomMetadata(event.metadata);
    const read = new streams.ReadResp.ReadEvent();
    read.setEvent(recorded);
    if (withPosition) read.setCommitPosition(position);
    else read.setNoPosition(new shared.Empty());
    answer.setEvent(read);
  });
