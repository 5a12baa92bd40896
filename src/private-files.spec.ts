import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderUnusable, makePrivateFolder, mendModes } from './private-files.ts';

let root: string;
let lines: string[];
const log = { warn: (line: unknown) => void lines.push(String(line)) };
const modeOf = (...path: string[]) => (statSync(join(root, ...path)).mode & 0o7777).toString(8);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'private-'));
  lines = [];
});
afterEach(() => rmSync(root, { recursive: true }));

describe('a folder', () => {
  it('is made with those above it, for its owner only', () => {
    makePrivateFolder(join(root, 'a/b/c'));
    for (const path of ['a', 'a/b', 'a/b/c']) expect(modeOf(path)).toBe('700');
    makePrivateFolder(join(root, 'a/b/c'));
  });
  it.runIf(process.platform === 'linux').each(['/proc/hookledger', '/proc/self/hookledger/data', '/dev/null/data'])(
    '%s can not be made, which ends in a sentence and not in an endless loop',
    (folder) => expect(() => makePrivateFolder(folder)).toThrow(FolderUnusable),
  );
  it('that is a file is refused', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => makePrivateFolder(join(root, 'file'))).toThrow(/it is a file/);
    expect(() => makePrivateFolder(join(root, 'file/below'))).toThrow(/it is a file/);
  });
});

describe('the data folder', () => {
  const open = (path: string, mode: number, isFolder = false) => {
    if (isFolder) mkdirSync(join(root, path));
    else writeFileSync(join(root, path), '');
    chmodSync(join(root, path), mode);
  };

  it('is closed to others with all that is ours in it, in one line', () => {
    chmodSync(root, 0o755);
    for (const name of ['log.db', 'log.db-wal', 'log.db-shm', 'lock.db', 'master.key']) open(name, 0o644);
    open('views', 0o775, true);
    open('views/log-1', 0o755, true);
    open('views/log-1/views@1.db', 0o640);
    mendModes(root, log);
    expect(modeOf()).toBe('700');
    for (const name of ['log.db', 'log.db-wal', 'log.db-shm', 'lock.db', 'master.key', 'views/log-1/views@1.db'])
      expect([name, modeOf(name)]).toEqual([name, '600']);
    for (const name of ['views', 'views/log-1']) expect([name, modeOf(name)]).toEqual([name, '700']);
    expect(lines).toEqual([expect.stringMatching(/It is private now: .* was 0755, .* and 6 more\./)]);
    mendModes(root, log);
    expect(lines).toHaveLength(1);
  });
  it('keeps modes that are stricter, and files that are not ours', () => {
    open('master.key', 0o400);
    open('notes.txt', 0o644);
    open('backup', 0o755, true);
    open('backup/log.db', 0o644);
    mendModes(root, log);
    expect(['master.key', 'notes.txt', 'backup', 'backup/log.db'].map((name) => modeOf(name))).toEqual(['400', '644', '755', '644']);
    expect(lines).toEqual([]);
  });
  it('stays as it is where other programs need it, and its files are closed', () => {
    chmodSync(root, 0o1777);
    open('log.db', 0o644);
    mendModes(root, log);
    expect([modeOf(), modeOf('log.db')]).toEqual(['1777', '600']);
    expect(lines).toEqual([expect.stringContaining('It is private now'), expect.stringContaining('give Hookledger one of its own')]);
  });
  it.runIf(existsSync('/proc/self/mounts'))('says once what it can not change, and goes on', () => {
    open('log.db', 0o644);
    symlinkSync('/proc/self/mounts', join(root, 'master.key')); // its mode can't be changed, not even by root
    mendModes(root, log);
    expect(modeOf('log.db')).toBe('600');
    expect(lines).toEqual([
      expect.stringContaining('log.db was 0644'),
      expect.stringMatching(/stays open to other users, .*master\.key is 0444 \((EPERM|EACCES)\)/),
    ]);
  });
});
