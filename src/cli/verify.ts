// `hookledger verify`: is everything as it should be, in the log or in an export of it?
import type { Command } from 'commander';
import { ExportUnusable } from '../audit/export-reader.ts';
import { verifyExport } from '../audit/verify-export.ts';
import { UnfitSecret, verifyingKeyOf } from '../secrets/signing-keys.ts';
import { codes, endingWith, interruption, say, tell, WrongCall } from './outcome.ts';
import { counted, progressBar } from './progress-bar.ts';

type VerifyCommand = { readonly file?: string; readonly key?: string; readonly json?: true };

export const addVerify = (program: Command): void => {
  program
    .command('verify')
    .description('Checks an export.')
    .option('--file <export>', 'an export instead of the log; nothing else is needed on the machine')
    .option('--key <public>', 'whpk_…: the key that must have signed the seals of the export')
    .option('--json', 'tell what was found as JSON')
    .action((options: VerifyCommand) => {
      if (options.file !== undefined) return verifyFile(options.file, options);
      return endingWith([], () => Promise.reject(new WrongCall('--file must name an export.')));
    });
};

const checkedKey = (key: string | undefined): string => {
  if (key === undefined)
    throw new WrongCall('--key must be the public key of the installation, whpk_…; `hookledger export` and the server say it.');
  try {
    verifyingKeyOf(key);
    return key;
  } catch (error) {
    throw error instanceof UnfitSecret ? new WrongCall(`--key is no public key: ${error.message}.`) : error;
  }
};

const verifyFile = (file: string, { key, json }: VerifyCommand): Promise<void> =>
  endingWith([ExportUnusable], async () => {
    const bar = progressBar(['reading the seals', 'checking the events']);
    try {
      const verified = await verifyExport(file, checkedKey(key), { progress: bar.show, signal: interruption() });
      bar.stop();
      if (!verified) {
        say('Interrupted.');
        return codes.interrupted;
      }
      const { events, sealed, seals, afterSeal, until, problem } = verified;
      const lines = problem
        ? [problem.sentence, `Of ${counted(events)} events, the first ${counted(sealed)} are as they were sealed.`]
        : [
            `${file}: all ${counted(events)} events are as they were sealed, ${afterSeal === 0 ? 'from the start of the log' : `from seal ${afterSeal} of the log on`}${until === undefined ? '' : ` up to position ${until}`}: none was changed, removed, added or moved.`,
            `${counted(seals)} seals hold, signed with ${key}.`,
          ];
      tell(json, { ...verified, until: until ?? null, problem: problem ?? null }, lines);
      return problem ? codes.found : 0;
    } finally {
      bar.stop();
    }
  });
