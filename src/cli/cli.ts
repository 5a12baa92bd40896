// The command line: `hookledger <command>` and `--help`. Each command adds itself to the program from a file of its own.
import { inspect } from 'node:util';
import { Command } from 'commander';
import { describeConfig } from '../config.ts';
import { addCopy } from './copy.ts';
import { addExport } from './export.ts';
import { addHistory } from './history.ts';
import { addImport } from './import.ts';
import { addLoad } from './load.ts';
import { exitCodes, printError } from './run-command.ts';
import { addRebuild } from './rebuild.ts';
import { addRotateDataKey, addRotateMasterKey } from './rotate-keys.ts';
import { addSchema } from './schema.ts';
import { addServe } from './serve.ts';
import { addVerify } from './verify.ts';
import { version } from './version.ts';

/** In the order in which `--help` lists them. */
const commands = [
  addServe,
  addHistory,
  addRebuild,
  addVerify,
  addExport,
  addImport,
  addCopy,
  addRotateMasterKey,
  addRotateDataKey,
  addLoad,
  addSchema,
];

const settingsHelp = () => {
  const rows = describeConfig().map((setting) => `  ${setting.name}\n      ${setting.meaning}\n      Default: ${setting.default}`);
  return `\nConfiguration, by environment variables (with _FILE added to its name, such as HOOKLEDGER_MASTER_KEY_FILE, a variable names a file that holds the value):\n${rows.join('\n')}\n`;
};

/** Exit codes: 0 all is well; 1 something is wrong or failed; 2 the call or the configuration is wrong. */
export const run = async (argv: readonly string[]): Promise<void> => {
  process.umask(0o077); // every file and folder that a command makes, SQLite's too, is for its owner only
  const program = new Command('hookledger').description('Delivers webhooks, and keeps every attempt in a log.').version(version);
  program.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2)); // applies to commands added after this
  program.addHelpText('after', settingsHelp);
  for (const add of commands) add(program);
  const [, , first] = argv;
  const isCommand = (name: string) => name === 'help' || program.commands.some((command) => command.name() === name);
  if (first !== undefined && !first.startsWith('-') && !isCommand(first)) {
    printError(`There is no command "${first}"; \`hookledger --help\` lists the commands.`);
    process.exit(exitCodes.wrongCall);
  }
  try {
    await program.parseAsync(argv);
  } catch (error) {
    printError(`Hookledger failed unexpectedly: ${inspect(error, { depth: 1 }).split('\n', 1)[0]} HOOKLEDGER_LOG_LEVEL=debug shows where.`);
    if (process.env['HOOKLEDGER_LOG_LEVEL'] === 'debug') printError(inspect(error));
    process.exit(exitCodes.found);
  }
};
