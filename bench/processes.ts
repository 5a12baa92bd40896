// Runs each part of the bench in its own process, called over Node's IPC channel: parts call `serve`, the bench calls `startPart`.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

type Call = { id: number; name: string; argument: unknown };
type Reply = { id: number; result?: unknown; error?: string };
type Handlers = Record<string, (argument: never) => unknown>;

/** Answers calls by name until the bench disconnects. */
export const serve = (handlers: Handlers): void => {
  process.on('message', (call: Call) => {
    // The bench and its parts are one program: the caller's types are checked in `startPart`.
    const handler = handlers[call.name] as ((argument: unknown) => unknown) | undefined;
    const reply = (answer: Omit<Reply, 'id'>) => process.send?.({ id: call.id, ...answer });
    const answer = async () => {
      if (!handler) throw new Error(`This part has no ${call.name}.`);
      return await handler(call.argument);
    };
    answer().then(
      (result) => reply({ result }),
      (error: unknown) => reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.once('disconnect', () => process.exit(0));
};

export type Part<H extends Handlers> = {
  readonly pid: number;
  call<K extends keyof H & string>(name: K, ...argument: Parameters<H[K]>): Promise<Awaited<ReturnType<H[K]>>>;
  stop(): Promise<void>;
};

/** Node's flags for a part that runs the server's sources: their syntax has to be transformed, not only stripped. */
export const runSources = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];

/** Starts `file` in this folder. `H` is the type of the handlers that it serves. */
export const startPart = <H extends Handlers>(file: string, execArgv: readonly string[] = []): Part<H> => {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv: [...execArgv] });
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  let next = 1;
  child.on('message', ({ id, result, error }: Reply) => {
    const caller = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) caller?.resolve(result as never);
    else caller?.reject(new Error(`${file}: ${error}`));
  });
  child.once('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended with exit code ${code} during a call.`));
  });
  return {
    pid: child.pid ?? 0,
    call: (name, ...argument) =>
      new Promise((resolve, reject) => {
        const id = next++;
        waiting.set(id, { resolve, reject });
        child.send({ id, name, argument: argument[0] });
      }),
    async stop() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
};
