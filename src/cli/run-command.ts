// How a command ends: what it found goes to standard output, as text or as JSON; what went wrong is a sentence on standard error.
// Exit codes: 0 all well, 1 something went wrong or was found, 2 the call is off, 130 interrupted.

export const exitCodes = { found: 1, wrongCall: 2, interrupted: 130 } as const;

/** The call can't be carried out as it is. */
export class UsageError extends Error {
  override name = 'WrongCall';
}

export const printError = (line: string): void => void process.stderr.write(`${line}\n`);

/** What the parts that a command uses have to say: of warnings the sentence, which comes last. */
export const commandLogger = {
  info: () => undefined,
  warn: (...said: readonly unknown[]) => printError(String(said.at(-1))),
  error: () => undefined,
};

/** `lines` for people, `figures` with `--json`. */
export const printResult = (json: boolean | undefined, figures: unknown, lines: readonly string[]): void =>
  void process.stdout.write(json ? `${JSON.stringify(figures, null, 2)}\n` : lines.map((line) => `${line}\n`).join(''));

/** Aborts when the process is asked to end; what is under way comes to an end by itself then. */
export const abortOnSignal = (): AbortSignal => {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  return interrupted.signal;
};

/** Carries out `work`. `told`: the errors whose message is for the person who called. */
export const runCommand = async (
  told: readonly (abstract new (...given: never[]) => Error)[],
  work: () => Promise<number>,
): Promise<void> => {
  try {
    process.exitCode = await work();
  } catch (error) {
    const known = [UsageError, ...told].some((kind) => error instanceof kind);
    if (!known || !(error instanceof Error)) throw error;
    printError(error.message);
    process.exitCode = error instanceof UsageError ? exitCodes.wrongCall : exitCodes.found;
  }
};
