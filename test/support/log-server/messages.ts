// What the double's services read from requests and put into answers: errors and messages as in the server's source.
import rpcStatus from '@eventstore/db-client/generated/status_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import grpc from '@grpc/grpc-js';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Expected, Outcome, Proposed } from './server-log.ts';

export const failure = (code: number, details: string, exception?: string, more: Readonly<Record<string, string>> = {}) => {
  const metadata = new grpc.Metadata();
  if (exception !== undefined) metadata.add('exception', exception);
  for (const [name, value] of Object.entries(more)) metadata.add(name, value);
  return { code, details, metadata };
};

export const nameOf = (identifier: shared.StreamIdentifier | undefined) => Buffer.from(identifier?.getStreamName_asU8() ?? []).toString();

export const proposedOf = (message: streams.BatchAppendReq.ProposedMessage): Proposed => ({
  id: message.getId()?.getString() ?? '',
  type: message.getMetadataMap().get('type') ?? '',
  isJson: message.getMetadataMap().get('content-type') === 'application/json',
  data: message.getData_asU8(),
  metadata: message.getCustomMetadata_asU8(),
});

export const expectedOf = (options: streams.BatchAppendReq.Options): Expected => {
  if (options.hasNoStream()) return 'no-stream';
  if (options.hasAny()) return 'any';
  return options.hasStreamExists() ? 'stream-exists' : BigInt(options.getStreamPosition());
};

type Details = { serializeBinary(): Uint8Array };

export const refused =
  (message: string, details: Details, type = `event_store.client.${message}`) =>
  (answer: streams.BatchAppendResp): void => {
    const packed = new any.Any();
    packed.pack(details.serializeBinary(), type);
    const error = new rpcStatus.Status();
    error.setMessage(message);
    error.setDetails(packed);
    answer.setError(error);
  };

export const answerTo = (outcome: Outcome, options: streams.BatchAppendReq.Options, withoutPosition: boolean) => {
  if (outcome.kind === 'deleted') {
    const details = new shared.StreamDeleted();
    details.setStreamIdentifier(options.getStreamIdentifier());
    return refused('StreamDeleted', details);
  }
  if (outcome.kind === 'wrong') {
    const details = new shared.WrongExpectedVersion();
    if (outcome.current === undefined) details.setCurrentNoStream(new empty.Empty());
    else details.setCurrentStreamRevision(String(outcome.current));
    if (options.hasNoStream()) details.setExpectedNoStream(new empty.Empty());
    else if (options.hasAny()) details.setExpectedAny(new empty.Empty());
    else details.setExpectedStreamPosition(options.getStreamPosition());
    return refused('WrongExpectedVersion', details);
  }
  return (answer: streams.BatchAppendResp) => {
    const success = new streams.BatchAppendResp.Success();
    success.setCurrentRevision(String(outcome.revision));
    if (outcome.kind === 'repeated' && withoutPosition) success.setNoPosition(new empty.Empty());
    else {
      const position = new shared.AllStreamPosition();
      position.setCommitPosition(String(outcome.position));
      position.setPreparePosition(String(outcome.position));
      success.setPosition(position);
    }
    answer.setSuccess(success);
  };
};
