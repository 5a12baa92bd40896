// How a command runs and ends. Results go to standard output, as text or JSON; errors and warnings, one sentence each, to standard error.
// Exit codes: 0 all is well; 1 something is wrong or failed; 2 the command was called wrongly; 130 interrupted.

import { FolderUnusable } from '../private-files.ts';

export const exitCodes = { found: 1, wrongCall: 2, interrupted: 130 } as const;

/** The command was called wrongly. The message says what would be right. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export const printError = (line: string): void => void process.stderr.write(`${line}\n`);

/** The logger for the code that a command calls. Prints warnings, of which the sentence comes last. */
export const commandLogger = {
  info: () => undefined,
  warn: (...parts: readonly unknown[]) => printError(String(parts.at(-1))),
  error: () => undefined,
};

/** Prints `figures` with `--json`, else `lines`. */
export const printResult = (json: boolean | undefined, figures: unknown, lines: readonly string[]): void =>
  void process.stdout.write(json ? `${JSON.stringify(figures, null, 2)}\n` : lines.map((line) => `${line}\n`).join(''));

/** Aborts at SIGINT or SIGTERM, which then no longer end the process: the command ends by itself. */
export const abortOnSignal = (): AbortSignal => {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  process.once('SIGTERM', () => controller.abort());
  return controller.signal;
};

/**
 * Runs a command and sets the exit code.
 * @param expected errors whose message is printed as it is; others are thrown on
 * @param work returns the exit code
 */
export const runCommand = async (
  expected: readonly (abstract new (...given: never[]) => Error)[],
  work: () => Promise<number>,
): Promise<void> => {
  try {
    process.exitCode = await work();
  } catch (error) {
    const isExpected = [UsageError, FolderUnusable, ...expected].some((kind) => error instanceof kind);
    if (!isExpected || !(error instanceof Error)) throw error;
    printError(error.message);
    process.exitCode = error instanceof UsageError ? exitCodes.wrongCall : exitCodes.found;
  }
};
