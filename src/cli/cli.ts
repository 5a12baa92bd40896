// The command line: `hookledger serve`, `load`, `copy`, and what `--help` says.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { ConfigError, describeConfig, readConfig, type Config } from '../config.ts';
import type { CopyOptions } from './copy.ts';
import { load, LoadFailed } from './load.ts';

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
    // Loaded when it is wanted: the framework takes its time, and no other command needs it.
    .action(async () => {
      const config = configured();
      const { serve } = await import('./serve.ts');
      await serve(config, version);
    });
  program
    .command('load')
    .description('Defines the event types of a catalog at a running server.')
    .argument('<file>', 'a JSON file such as examples/scalelite.json')
    .option('--url <url>', 'where the server is', 'http://127.0.0.1:3000')
    .option('--key <key>', 'an admin API key; left out: HOOKLEDGER_ADMIN_KEY')
    .action(async (file: string, { url, key = process.env['HOOKLEDGER_ADMIN_KEY'] }: { url: string; key?: string }) => {
      try {
        process.stdout.write(`${await load(file, { url, key })} event types of ${file} are defined.\n`);
      } catch (error) {
        if (!(error instanceof LoadFailed)) throw error;
        process.stderr.write(`${error.message}\n`);
        process.exitCode = 1;
      }
    });
  program
    .command('copy')
    .description('Copies a log into an empty one, and compares them. Interrupted, the same command goes on where it stopped.')
    .option('--from <log>', 'a data folder, or an esdb:// or kurrentdb:// URL; left out: HOOKLEDGER_DATA_DIR')
    .option('--to <log>', 'the same; left out: HOOKLEDGER_EVENTSTORE_URL')
    .option('--from-prefix <prefix>', 'of its streams on the server; left out: HOOKLEDGER_EVENTSTORE_PREFIX')
    .option('--to-prefix <prefix>', 'the same')
    .action(async (options: CopyOptions) => {
      const config = configured();
      const { copy } = await import('./copy.ts');
      await copy(options, config);
    });
  await program.parseAsync(argv);
};
