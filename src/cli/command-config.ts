// The configuration that a command works with: that of the environment, or the end of the process with what is wrong in it.
import { ConfigError, readConfig, type Config } from '../config.ts';

/** `given`: what options of the command say in place of the environment. Exits with 2 where a setting is off. */
export const configFromEnvironment = (given: Readonly<Record<string, string | undefined>> = {}): Config => {
  const settings = Object.entries(given).filter(([, value]) => value !== undefined);
  try {
    return readConfig({ ...process.env, ...Object.fromEntries(settings) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const mistake of error.mistakes) process.stderr.write(`${mistake}\n`);
    process.exit(2);
  }
};
