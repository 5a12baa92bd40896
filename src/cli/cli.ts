// The command line: `hookledger serve` and what `--help` says.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { ConfigError, describeConfig, readConfig, type Config } from '../config.ts';
import { serve } from './serve.ts';

export const version = (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

const settingsHelp = () => {
  const rows = describeConfig().map((setting) => `  ${setting.name}\n      ${setting.meaning}\n      Default: ${setting.default}`);
  return `\nConfiguration is by environment:\n${rows.join('\n')}\n`;
};

const configured = (): Config => {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const mistake of error.mistakes) process.stderr.write(`${mistake}\n`);
    process.exit(2);
  }
};

/** Exit codes: 0 all well, 1 something went wrong, 2 the call or the configuration is off. */
export const run = async (argv: readonly string[]): Promise<void> => {
  const program = new Command('hookledger').description('Delivers webhooks, and keeps every attempt in a log.').version(version);
  program.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  program.addHelpText('after', settingsHelp);
  program
    .command('serve', { isDefault: true })
    .description('Serves the API and delivers (the default).')
    .action(() => serve(configured(), version));
  await program.parseAsync(argv);
};
