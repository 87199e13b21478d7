import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FILTERS } from '../template.ts';
import { CONTENT, LARGEST, NEWEST, OVERVIEW, REPORT } from './tour-scripts.ts';

/** The real programs, in a real bubblewrap when there is one, else in a plain `sh`. */
const BWRAP = spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-all', 'true']).status === 0;
if (!BWRAP) console.log('no bubblewrap here: the tour scripts run in a plain sh');

let root: string;
let folder: string;
let home: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tour-'));
  folder = join(root, "odd 'name' here");
  home = join(root, 'data');
  await mkdir(folder);
  await mkdir(home);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function runScript(script: string): Promise<string> {
  const inside = BWRAP ? `/work/${"odd 'name' here"}` : folder;
  const command = script.replaceAll('{{folder|sh}}', FILTERS.sh?.(inside, '') ?? '');
  const [program, ...args] = BWRAP ? sandboxed(inside, command) : ['sh', '-c', command];
  const child = spawn(program ?? 'sh', args, {
    env: { PATH: process.env.PATH, HOME: BWRAP ? '/data' : home },
    timeout: 60_000,
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  await new Promise((resolve) => child.once('close', resolve));
  return Buffer.concat(output).toString('utf8');
}

function sandboxed(inside: string, command: string): string[] {
  const system = ['/usr', '/bin', '/lib', '/lib64', '/etc'].flatMap((path) => ['--ro-bind-try', path, path]);
  const rest = [
    '--tmpfs',
    '/tmp',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--bind',
    home,
    '/data',
    '--ro-bind',
    folder,
    inside,
  ];
  return ['bwrap', '--unshare-all', ...system, ...rest, '--chdir', '/data', 'sh', '-c', command];
}

async function runAll(): Promise<string> {
  const outputs: string[] = [];
  for (const script of [OVERVIEW, LARGEST, NEWEST, CONTENT, REPORT]) outputs.push(await runScript(script));
  return outputs.join('\n');
}

const report = (): Promise<string> => readFile(join(home, 'report.md'), 'utf8');

describe('the tour scripts', () => {
  it('count what is really there, odd names included', async () => {
    await writeFile(join(folder, 'a file.txt'), 'one\ntwo\nthree\n');
    await writeFile(join(folder, '-rf'), 'one\ntwo\nthree\n');
    await writeFile(join(folder, 'new\nline.txt'), 'x\n');
    await writeFile(join(folder, 'esc\u001b[31m`tick`.md'), 'y\n');
    await writeFile(join(folder, 'back\\slash.bin'), Buffer.alloc(5_000, 0));
    await writeFile(join(folder, '.hidden'), '');
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe]), Buffer.from('.txt')]), 'z\n');
    await mkdir(join(folder, 'sub folder'));
    await writeFile(join(folder, 'sub folder', 'Größe.TXT'), 'q\nq\n');
    await symlink('/etc/passwd', join(folder, 'link'));
    const output = await runAll();
    expect(output).toContain('Total: 8 files, 1 folder, 4.9 KiB');
    expect(output).toContain('Links: 1 symbolic link, not followed');
    expect(output).toContain('Not readable: 0');
    expect(output).toContain('Largest: `back\\slash.bin`, 4.9 KiB');
    expect(output).toContain('Text: 9 lines in 4 text files (5 of 7 files could be read)');
    expect(output).toContain('Duplicates: 1 file repeats the content of another');
    expect(output).not.toContain('\u001b');
    for (let step = 1; step <= 5; step += 1) expect(output).toContain(`Step ${step} of 5 done`);
    expect(await report()).toContain('    Total: 8 files, 1 folder, 4.9 KiB');
    expect(await report()).toContain('    Largest: `back\\slash.bin`, 4.9 KiB');
  });

  it('cope with an empty folder', async () => {
    const output = await runAll();
    expect(output).toContain('Total: 0 files, 0 folders, 0 B');
    expect(output).toContain('Largest: none, there is no file');
    expect(output).toContain('Text: 0 lines in 0 text files');
    expect(output).toContain('Duplicates: 0 files repeat the content of another');
    expect(await report()).toContain('Total: 0 files');
  });

  it('find the larger of two groups of duplicates and never count a file twice', async () => {
    for (const name of ['a', 'b', 'c']) await writeFile(join(folder, name), 'same content');
    await writeFile(join(folder, 'd'), 'just as long');
    for (const name of ['e', 'f']) await writeFile(join(folder, name), 'another pair!');
    const output = await runAll();
    expect(output).toContain('Duplicates: 3 files repeat the content of another');
    expect(output).toContain('  a\n    = b\n    = c\n');
    expect(output).not.toContain('= d');
  });

  it('say so when the folder is gone, and do not claim that the step is done', async () => {
    const output = await runScript(OVERVIEW.replaceAll('{{folder|sh}}', "'/nowhere at all'"));
    expect(output).toContain('/nowhere at all');
    expect(output).not.toContain('Step 1 of 5 done');
  });

  it('print a report even when a step left nothing', async () => {
    await runScript(OVERVIEW);
    await runScript(REPORT);
    expect(await report()).toContain('Not available: this step did not finish.');
  });
});
