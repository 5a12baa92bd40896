// The thread that talks to the log server. The client package needs one of its own, for three reasons: it keeps the pending appends of all servers
// in one place per module, so two servers in one module break each other; a wrong answer of a server makes it throw where nothing can catch it; and
// after some failures it never appends again. A thread has its own copy of the module and can be replaced.
// Node may run this file by stripping its types, so they must be erasable.
import { parentPort, workerData } from 'node:worker_threads';
import { createAppend } from './client/append.ts';
import { connect, toClientFailure } from './client/db-client.ts';
import { ClientSubscription } from './client/follow.ts';
import type { ClientOptions, ToClient } from './client/messages.ts';
import { Outbox } from './client/outbox.ts';
import { countEvents, findLastEvent, readEventAt, readEvents } from './client/read.ts';

const handleMessages = (options: ClientOptions, outbox: Outbox) => {
  const leader = connect(options, 'leader');
  const { nodePreference } = options.connection;
  const followed = nodePreference === 'leader' ? leader : connect(options, nodePreference);
  const append = createAppend(leader);
  const subscriptions = new Map<number, ClientSubscription>();

  const answerWith = (call: number, work: Promise<unknown>) =>
    void work.then(
      (answer) => outbox.post({ kind: 'answer', call, answer }),
      (error: unknown) => outbox.post({ kind: 'answer', call, answer: undefined, failure: toClientFailure(error) }),
    );

  return (message: ToClient) => {
    const { call } = message;
    switch (message.kind) {
      case 'append':
        return answerWith(call, append(message.write));
      case 'read':
        return answerWith(call, readEvents(leader, message.range));
      case 'read-at':
        return answerWith(call, readEventAt(leader, message.position));
      case 'find-last':
        return answerWith(call, findLastEvent(leader, message.search));
      case 'count':
        return answerWith(call, countEvents(followed, message.count));
      case 'subscribe':
        subscriptions.set(
          call,
          new ClientSubscription(followed, call, message.request, { outbox, onEnd: () => subscriptions.delete(call) }),
        );
        return;
      case 'taken':
        subscriptions.get(call)?.taken(message.bytes);
        return;
      case 'unsubscribe':
        subscriptions.get(call)?.unsubscribe();
    }
  };
};

/** A server that dies leaves one rejection for every append waiting to be sent: they are reported together. */
const reportUnhandledAfterMs = 1_000;

const reportUnhandledRejections = (outbox: Outbox) => {
  let count = 0;
  process.on('unhandledRejection', (error) => {
    const failure = toClientFailure(error);
    // Any error that is not gRPC's is a bug, and nothing can be relied on after it: the thread dies, and another takes its place.
    if (failure.type === undefined && failure.code === undefined) throw error;
    if (count === 0)
      setTimeout(() => {
        outbox.post({ kind: 'unhandled', count, failure });
        count = 0;
      }, reportUnhandledAfterMs);
    count += 1;
  });
};

if (parentPort) {
  const port = parentPort;
  const outbox = new Outbox((messages) => port.postMessage(messages));
  reportUnhandledRejections(outbox);
  const handle = handleMessages(workerData as ClientOptions, outbox); // ClientThread starts this thread with them
  port.on('message', (messages: readonly ToClient[]) => {
    for (const message of messages) handle(message);
  });
  outbox.post({ kind: 'ready' });
}
