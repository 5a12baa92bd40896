// The command line: `hookledger <command>`, and what `--help` says. A command is a file of its own, which adds it to the program.
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
import { addServe } from './serve.ts';
import { addVerify } from './verify.ts';
import { version } from './version.ts';

/** In the order of `--help`. */
const commands = [addServe, addHistory, addRebuild, addVerify, addExport, addImport, addCopy, addLoad];

const settingsHelp = () => {
  const rows = describeConfig().map((setting) => `  ${setting.name}\n      ${setting.meaning}\n      Default: ${setting.default}`);
  return `\nConfiguration is by environment:\n${rows.join('\n')}\n`;
};

/** Exit codes: 0 all well, 1 something went wrong or was found, 2 the call or the configuration is off. */
export const run = async (argv: readonly string[]): Promise<void> => {
  const program = new Command('hookledger').description('Delivers webhooks, and keeps every attempt in a log.').version(version);
  program.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2)); // commands that are added after this take it over
  program.addHelpText('after', settingsHelp);
  for (const add of commands) add(program);
  const [, , first] = argv;
  const isCommand = (name: string) => name === 'help' || program.commands.some((command) => command.name() === name);
  if (first !== undefined && !first.startsWith('-') && !isCommand(first)) {
    printError(`There is no command "${first}"; \`hookledger --help\` lists those that are.`);
    process.exit(exitCodes.wrongCall);
  }
  try {
    await program.parseAsync(argv);
  } catch (error) {
    printError(
      `Something failed here that should not have: ${inspect(error, { depth: 1 }).split('\n', 1)[0]} HOOKLEDGER_LOG_LEVEL=debug says where.`,
    );
    if (process.env['HOOKLEDGER_LOG_LEVEL'] === 'debug') printError(inspect(error));
    process.exit(exitCodes.found);
  }
};
