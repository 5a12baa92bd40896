// The configuration of a command: the environment's, with what its options replace.
import { ConfigError, readConfig, type Config } from '../config.ts';
import { exitCodes, printError } from './run-command.ts';

/** If a setting is invalid, prints what is wrong and exits with 2. @param overrides values from options, by the name of the variable */
export const configFromEnvironment = (overrides: Readonly<Record<string, string | undefined>> = {}): Config => {
  const options = Object.entries(overrides).filter(([, value]) => value !== undefined);
  const settings = options.flatMap(([name, value]) => [[name, value] as const, [`${name}_FILE`, undefined] as const]);
  try {
    return readConfig({ ...process.env, ...Object.fromEntries(settings) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const mistake of error.mistakes) printError(mistake);
    process.exit(exitCodes.wrongCall);
  }
};
