// The double's process: a gRPC server behind a gate, both on loopback, and the calls that its test makes.
import grpc from '@grpc/grpc-js';
import { Faults, noCounts } from './faults.ts';
import { ServerLog } from './server-log.ts';
import { Services, type Member } from './services.ts';
import { TcpGate } from './tcp-gate.ts';

/** PEM texts: with TLS. */
export type DoubleOptions = { readonly tls?: { readonly cert: string; readonly key: string } | undefined };

/** As a server's own: a connection carries so many calls. */
const mostCalls = 100;

const start = async ({ tls }: DoubleOptions) => {
  const log = new ServerLog();
  const faults = new Faults();
  const counts = noCounts();
  let members: readonly Member[] = [];
  const mends: (() => void)[] = [];
  let port = 0;
  const services = new Services(log, faults, counts, { members: () => members, port: () => port });
  const server = new grpc.Server({ 'grpc.max_concurrent_streams': mostCalls, 'grpc.max_receive_message_length': 17 * 1024 * 1024 });
  services.addTo(server);
  const credentials = tls
    ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }])
    : grpc.ServerCredentials.createInsecure();
  const behind = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port))),
  );
  const gate = new TcpGate(behind);
  port = await gate.open();
  return {
    port: () => port,
    set: (change: Partial<Faults>) => {
      Object.assign(faults, change);
      if (!faults.holdAnswers) services.release();
    },
    /** Nothing goes wrong any more. */
    heal: async () => {
      Object.assign(faults, new Faults());
      services.release();
      members = [];
      gate.thaw();
      await gate.open();
    },
    counts: () => ({ ...counts }),
    kill: () => gate.shut(),
    comeBack: () => gate.open(),
    /** As a node that shuts down: for so long it carries on with the calls it has, and takes neither others nor connections. */
    shutDown: (ms: number) => {
      gate.refuse();
      server.drain(`127.0.0.1:${behind}`, ms);
    },
    breakConnections: () => gate.breakConnections(),
    freeze: () => gate.freeze(),
    thaw: () => gate.thaw(),
    endCalls: (error?: { code: number; details: string }) => services.endCalls(error),
    setClock: (aheadMs: number) => {
      log.clockAheadMs = aheadMs;
    },
    softDelete: (stream: string) => log.softDelete(stream),
    loseTail: (count: number) => log.loseTail(count),
    tombstone: (stream: string) => log.tombstone(stream),
    damage: ({ stream, revision, change }: Damage) => {
      const { data, ...rest } = change ?? {};
      mends.push(log.damage(stream, BigInt(revision), change && { ...rest, ...(data !== undefined && { data: Buffer.from(data) }) }));
    },
    /** All damage is made good again. */
    mend: () => {
      for (const mend of mends.splice(0).toReversed()) mend();
    },
    setMembers: (given: readonly Member[]) => {
      members = given;
    },
    /** Events of somebody else, one to an append. @returns their ids */
    writeForeign: ({ stream, count, type = 'OrderPlaced', data = '{"sum":7}', metadata = '{}', isJson = true }: Foreign) => {
      const texts = { data: Buffer.from(data), metadata: Buffer.from(metadata) };
      const ids = Array.from({ length: count }, () => crypto.randomUUID());
      for (const id of ids) log.append(stream, 'any', [{ id, type, isJson, ...texts }]);
      return ids;
    },
  };
};

/** `change`: undefined where the event is taken away. */
export type Damage = {
  readonly stream: string;
  readonly revision: number;
  readonly change: { readonly id?: string; readonly type?: string; readonly stream?: string; readonly data?: string } | undefined;
};
export type Foreign = {
  readonly stream: string;
  readonly count: number;
  readonly type?: string;
  readonly data?: string;
  readonly metadata?: string;
  readonly isJson?: boolean;
};
export type Controls = Awaited<ReturnType<typeof start>>;
export type ControlCall = { readonly id: number; readonly name: keyof Controls; readonly argument: unknown };
export type ControlAnswer = { readonly id: number; readonly result?: unknown; readonly error?: string };

process.once('disconnect', () => process.exit()); // whoever started it is gone
const controls = await start(JSON.parse(process.argv[2] ?? '{}') as DoubleOptions); // what LogServerDouble starts it with
process.on('message', (message) => {
  const { id, name, argument } = message as ControlCall; // what LogServerDouble sends
  // The types of the arguments are checked where the call is made.
  const control = controls[name] as (argument: unknown) => unknown;
  const answer = (result: Omit<ControlAnswer, 'id'>) => process.send?.({ id, ...result } satisfies ControlAnswer);
  Promise.resolve()
    .then(() => control(argument))
    .then(
      (result) => answer({ result }),
      (error: unknown) => answer({ error: String(error) }),
    );
});
