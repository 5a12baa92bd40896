// The thread that talks to the log server. The client package needs one of its own, for three reasons: it keeps the pending appends of all servers
// in one place per module, so two servers in one module break each other; a wrong answer of a server makes it throw where nothing can catch it; and
// after some failures it never appends again. A thread has its own copy of the module and can be replaced.
// Node may run this file by stripping its types, so they must be erasable.
import { parentPort, workerData } from 'node:worker_threads';
import { createAppend } from './client/append.ts';
import { connect, toClientFailure } from './client/db-client.ts';
import { ClientSubscription } from './client/follow.ts';
import { findLeader } from './client/leader.ts';
import type { ClientOptions, ToClient } from './client/messages.ts';
import { NodeClient } from './client/node-client.ts';
import { Outbox } from './client/outbox.ts';
import { countEvents, findLastEvent, readEventAt, readEvents } from './client/read.ts';

/** Long, as it answers each kind of message, on connections and subscriptions that they share. */
const handleMessages = (options: ClientOptions, outbox: Outbox) => {
  const { hosts, discover, nodePreference } = options.connection;
  const [only] = hosts.length === 1 && !discover ? hosts : [];
  const leader = async () => (only ? connect(options, only) : findLeader(hosts, options.probedStream, (host) => connect(options, host)));
  const appending = new NodeClient(leader);
  const reading = new NodeClient(leader);
  const following = nodePreference === 'leader' || only ? reading : new NodeClient(async () => connect(options, nodePreference));
  const append = createAppend(appending);
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
        return answerWith(
          call,
          reading.use((client) => readEvents(client, message.range)),
        );
      case 'read-at':
        return answerWith(
          call,
          reading.use((client) => readEventAt(client, message.position)),
        );
      case 'find-last':
        return answerWith(
          call,
          reading.use((client) => findLastEvent(client, message.search)),
        );
      case 'count':
        return answerWith(
          call,
          following.use((client) => countEvents(client, message.count)),
        );
      case 'probe': {
        const range = { stream: options.probedStream, from: 0, count: 1 };
        const node = message.purpose === 'appending' ? appending : reading;
        return answerWith(
          call,
          node.use((client) => readEvents(client, range)).then(() => undefined),
        );
      }
      case 'subscribe':
        subscriptions.set(
          call,
          new ClientSubscription(following, call, message.request, { outbox, onEnd: () => subscriptions.delete(call) }),
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
