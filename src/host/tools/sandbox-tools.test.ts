import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxLimits } from '../../protocol/config.ts';
import { AGENT_LABEL } from '../../protocol/label.ts';
import type { ToolOutcome } from '../../protocol/tool.ts';
import { createBubblewrap } from '../../sandbox/bubblewrap/bubblewrap.ts';
import type { Launcher, Sandbox } from '../../sandbox/launcher.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { createFileBlobStore } from '../../storage/file-blob-store.ts';
import { createEditFile, editText } from './edit-file.ts';
import { plainText } from './plain-text.ts';
import { createRunCommand } from './run-command.ts';
import { createSandboxTools } from './sandbox-tools.ts';
import type { ArtifactFile } from './save-artifact.ts';
import type { ToolContext } from './tool.ts';

let root: string;
let launcher: Launcher & AsyncDisposable;
let sandbox: Sandbox;
let blobs: BlobStore;
const artifacts: ArtifactFile[] = [];
const live: string[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-tools-'));
  await chmod(root, 0o755);
  const folder = join(root, 'folder');
  await mkdir(join(folder, 'sub'), { recursive: true });
  await writeFile(join(folder, 'sub', 'note.txt'), 'first\nsecond needle\n');
  launcher = createBubblewrap({ home: join(root, 'home'), scratch: join(root, 'home', 'run') });
  sandbox = await launcher.create({
    id: 'run_tools',
    volume: join(root, 'home', 'volumes', 'tools'),
    mounts: [{ source: folder, target: '/work/folder', mode: 'ro' }],
    limits: SandboxLimits.parse({}),
    env: {},
  });
  blobs = await createFileBlobStore(join(root, 'blobs'));
});

afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  await launcher[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

function contextWith(signal: AbortSignal = new AbortController().signal): ToolContext {
  return {
    ...{ runId: 'run_tools', agentId: 'agent', sessionId: undefined, effectId: 'effect', callId: 'call', signal },
    sandbox: () => Promise.resolve(sandbox),
    output: (_stream, text) => live.push(text),
    principal: 'owner',
    label: AGENT_LABEL,
    progress: () => undefined,
    record: () => Promise.resolve(),
  };
}

async function call(name: string, raw: unknown, context = contextWith()): Promise<ToolOutcome> {
  const recordArtifact = (_context: ToolContext, file: ArtifactFile): Promise<{ id: string }> => {
    artifacts.push(file);
    return Promise.resolve({ id: 'artifact_1' });
  };
  const tool = createSandboxTools({ blobs, recordArtifact }).find((candidate) => candidate.name === name);
  if (tool === undefined) throw new Error(`no tool ${name}`);
  return tool.execute(tool.input.parse(raw), context);
}

const shell = (command: string): Promise<ToolOutcome> => call('run_command', { command });

describe('run_command', () => {
  it('returns output, how it ended and a label', async () => {
    const outcome = await shell('echo out; echo err >&2; exit 3');
    expect(outcome.status).toBe('error');
    expect(outcome.text).toContain('out\n');
    expect(outcome.text).toContain('err\n');
    expect(outcome.text).toMatch(/\[the command ended with code 3 after .* s\]$/);
    expect(outcome.data).toMatchObject({ exitCode: 3, reason: 'exited', bytes: 8 });
    expect(outcome.label).toEqual({ integrity: 'agent', confidentiality: 'internal', origins: [] });
    expect(outcome.blob).toBeUndefined();
    expect(live.join('')).toContain('out');
  });

  it('strips terminal sequences from the text and keeps the raw bytes', async () => {
    const outcome = await shell("printf '\\033[31mred\\033[0m \\033]0;title\\007end\\n'");
    expect(outcome.text).toContain('red end\n');
    expect(outcome.text).not.toContain('\u001b');
    expect(Buffer.from(await blobs.get(outcome.blob ?? '')).toString()).toBe(
      '\u001b[31mred\u001b[0m \u001b]0;title\u0007end\n',
    );
  });

  it('keeps 100 MB of output whole without holding it, and shows both ends', async () => {
    const before = process.memoryUsage();
    const outcome = await shell('echo START; head -c 104857600 /dev/zero | tr "\\0" x; echo; echo END');
    const after = process.memoryUsage();
    expect(outcome.status).toBe('ok');
    expect(outcome.bytes).toBe(104_857_600 + 11);
    expect(outcome.text.length).toBeLessThan(16_000);
    expect(outcome.text.startsWith('START\n')).toBe(true);
    expect(outcome.text).toContain('END\n');
    expect(outcome.text).toContain(outcome.blob ?? '-');
    expect(await blobs.stat(outcome.blob ?? '')).toEqual({ bytes: 104_857_611 });
    expect(after.external + after.heapUsed - before.external - before.heapUsed).toBeLessThan(80_000_000);
  });

  it('stops a command that prints without end', async () => {
    const tool = createRunCommand({ blobs, maxOutputBytes: 1_000_000 });
    const outcome = await tool.execute({ command: 'yes' }, contextWith());
    expect(outcome.status).toBe('error');
    expect(outcome.data).toMatchObject({ reason: 'output-limit', bytes: 1_000_000 });
    expect(outcome.text).toContain('printed more than 1000000 bytes');
  });

  it('tells of a full disk and ends the command', async () => {
    const full: BlobStore = {
      ...blobs,
      put: async (bytes) => {
        for await (const _ of bytes as AsyncIterable<Uint8Array>) throw new Error('The disk is full.');
        throw new Error('empty');
      },
    };
    const outcome = await createRunCommand({ blobs: full }).execute({ command: 'yes' }, contextWith());
    expect(outcome.status).toBe('error');
    expect(outcome.text).toContain('The disk is full.');
    expect(outcome.blob).toBeUndefined();
  });

  it('stops at its timeout and when it is cancelled', async () => {
    const late = await call('run_command', { command: 'echo begun; sleep 60', timeout_ms: 300 });
    expect(late.status).toBe('error');
    expect(late.text).toContain('begun');
    expect(late.text).toContain('stopped at its limit of 0.30 s');
    const cancelled = await call('run_command', { command: 'sleep 60' }, contextWith(AbortSignal.timeout(200)));
    expect(cancelled.status).toBe('cancelled');
  });

  it('says so when the folder does not exist', async () => {
    const outcome = await call('run_command', { command: 'true', cwd: '/nowhere' });
    expect(outcome.text).toContain('/nowhere');
    expect(outcome.data).toMatchObject({ reason: 'failed-to-start' });
  });
});

describe('files', () => {
  it('are written, read, edited, listed and searched', async () => {
    expect((await call('write_file', { path: 'a/b.txt', content: 'one\ntwo\n' })).text).toBe(
      'Wrote 8 bytes to /data/a/b.txt.',
    );
    expect((await call('read_file', { path: '/data/a/b.txt' })).text).toBe('     1\tone\n     2\ttwo');
    const edited = await call('edit_file', { path: 'a/b.txt', old_text: 'two', new_text: 'three' });
    expect(edited).toMatchObject({ status: 'ok', data: { replaced: 1 } });
    expect((await shell('cat a/b.txt')).text).toContain('one\nthree\n');
    expect((await call('list_files', {})).text).toMatch(/a\/\n +10 {2}a\/b\.txt/);
    expect((await call('search_files', { pattern: 'th?ree' })).text).toBe('/data/a/b.txt:2:three');
    expect((await call('search_files', { pattern: 'nothing-like-it' })).text).toContain('nothing in /data matches');
  });

  it('keep their mode when they are written again', async () => {
    await shell('echo old > script.sh; chmod 755 script.sh');
    await call('write_file', { path: 'script.sh', content: 'new\n' });
    expect((await shell('stat -c %a script.sh; cat script.sh; ls -a | grep -c new')).text).toMatch(/^755\nnew\n0\n/);
  });

  it('with odd names and contents go through no shell', async () => {
    const path = '/data/$(touch pwned) \'"; touch pwned #.txt';
    const content = '$(touch pwned) `touch pwned` \'" \\ \u00fc\n';
    expect((await call('write_file', { path, content })).status).toBe('ok');
    expect((await call('read_file', { path })).text).toBe(`     1\t${content.trimEnd()}`);
    expect((await call('search_files', { pattern: '-e$|touch pwned\\)', path, glob: '*; touch pwned*' })).status).toBe(
      'ok',
    );
    expect((await call('edit_file', { path, old_text: '\\ ', new_text: '/ ' })).status).toBe('ok');
    expect((await shell('ls -a')).text).not.toMatch(/^pwned$/m);
  });

  it('of the user are private and untrusted, and cannot be written', async () => {
    const label = { integrity: 'untrusted', confidentiality: 'private', origins: ['file:/work/folder/sub/note.txt'] };
    const read = await call('read_file', { path: '/work/folder/sub/note.txt' });
    expect(read.label).toEqual(label);
    expect(read.text).toContain('second needle');
    expect((await call('list_files', { path: '/work' })).label.origins).toEqual(['file:/work']);
    expect((await call('search_files', { pattern: 'needle', path: '/data/../work' })).label.integrity).toBe(
      'untrusted',
    );
    const write = await call('write_file', { path: '/work/folder/sub/note.txt', content: 'x' });
    expect(write.status).toBe('error');
  });

  it('are shown in bounds', async () => {
    await shell('seq 1 5000 > many.txt');
    const first = await call('read_file', { path: 'many.txt' });
    expect(first.data).toEqual({ lines: 2_000, more: true });
    expect(first.text).toContain('continue with offset 2001');
    expect((await call('read_file', { path: 'many.txt', offset: 4_999 })).text).toBe('  4999\t4999\n  5000\t5000');
    expect((await call('read_file', { path: 'many.txt', offset: 6_000 })).text).toContain('fewer than 6000 lines');
    await shell('head -c 300000 /dev/zero | tr "\\0" y > long.txt');
    expect((await call('read_file', { path: 'long.txt' })).text.length).toBeLessThan(66_000);
    expect((await call('list_files', { limit: 1 })).text).toContain('there is more');
    expect((await call('search_files', { pattern: '.', path: 'many.txt', limit: 3 })).data).toEqual({
      matches: 3,
      more: true,
    });
  });

  it('that cannot be had are said to be so', async () => {
    expect((await call('read_file', { path: 'none.txt' })).text).toContain('there is no such file');
    expect((await call('read_file', { path: '/data' })).text).toContain('it is a folder');
    expect((await call('write_file', { path: '/data', content: '' })).text).toContain('it is a folder');
    expect((await call('write_file', { path: '/usr/x', content: '' })).text).toContain('Read-only file system');
    expect((await call('list_files', { path: '/none' })).text).toContain('No such file');
    expect((await call('search_files', { pattern: '(' })).status).toBe('error');
    expect((await call('edit_file', { path: 'none.txt', old_text: 'a', new_text: 'b' })).text).toContain(
      'No such file',
    );
    await shell("printf 'a\\0b' > binary");
    expect((await call('read_file', { path: 'binary' })).text).toContain('not a text file');
  });
});

describe('after a crash in the middle of edit_file', () => {
  const tool = createEditFile();
  const edit = { path: 'crash.txt', old_text: 'two', new_text: 'three' };

  it('finds the edit done and says so', async () => {
    await shell('echo one three > crash.txt');
    expect((await tool.reconcile?.(edit, contextWith()))?.text).toContain('was edited before the host stopped');
    expect((await shell('cat crash.txt')).text).toContain('one three');
  });

  it('makes the edit when the file still holds the old text', async () => {
    await shell('echo one two > crash.txt');
    expect((await tool.reconcile?.(edit, contextWith()))?.text).toContain('Replaced 1 place');
    expect((await shell('cat crash.txt')).text).toContain('one three');
  });

  it('does not guess when the file holds neither, or both could be', async () => {
    await shell('echo something else > crash.txt');
    expect(await tool.reconcile?.(edit, contextWith())).toBeUndefined();
    await shell('echo two and two more > crash.txt');
    const longer = { path: 'crash.txt', old_text: 'two', new_text: 'two more' };
    expect(await tool.reconcile?.(longer, contextWith())).toBeUndefined();
    expect(await tool.reconcile?.({ ...edit, path: 'gone.txt' }, contextWith())).toBeUndefined();
  });
});

describe('edit_file', () => {
  it('wants exactly one place unless told all', () => {
    expect(editText('a a', { old_text: 'a', new_text: 'b' })).toMatchObject({ ok: false });
    expect(editText('a a', { old_text: 'a', new_text: '$&', all: true })).toEqual({
      ok: true,
      text: '$& $&',
      count: 2,
    });
    expect(editText('a', { old_text: 'x', new_text: 'b' })).toMatchObject({ ok: false });
    expect(editText('a', { old_text: 'a', new_text: 'a' })).toMatchObject({ ok: false });
  });

  it('keeps CRLF', () => {
    const edit = editText('one\r\ntwo\r\n', { old_text: 'one\ntwo', new_text: 'x\ny' });
    expect(edit).toEqual({ ok: true, text: 'x\r\ny\r\n', count: 1 });
  });
});

describe('save_artifact', () => {
  it('copies a file into the blob store', async () => {
    await shell("printf 'a,b\\n' > 'table of things.csv'");
    const outcome = await call('save_artifact', { path: 'table of things.csv' });
    expect(outcome.status).toBe('ok');
    expect(artifacts.at(-1)).toMatchObject({ name: 'table of things.csv', bytes: 4, mediaType: 'text/csv' });
    expect(Buffer.from(await blobs.get(outcome.blob ?? '')).toString()).toBe('a,b\n');
  });

  it('never follows a link on the host', async () => {
    await writeFile(join(root, 'host-secret'), 'only on the host');
    await symlink(join(root, 'host-secret'), join(root, 'home', 'volumes', 'tools', 'link'));
    const outcome = await call('save_artifact', { path: 'link' });
    expect(outcome).toMatchObject({ status: 'error' });
    expect(outcome.text).toContain('there is no such file');
    expect((await call('save_artifact', { path: '/dev/zero' })).status).toBe('error');
  });

  it('refuses more than 50 MB and gives a harmless name', async () => {
    await shell('truncate -s 60M big');
    expect((await call('save_artifact', { path: 'big' })).text).toContain('larger than');
    await shell('echo x > x');
    await call('save_artifact', { path: 'x', name: '../../evil\n<b>.html' });
    expect(artifacts.at(-1)?.name).toBe('evil__b_.html');
  });
});

describe('plain text', () => {
  it('has no way to speak to a terminal', () => {
    expect(plainText('a\u001b[2Jb\u001b]52;c;x\u0007c\u001bPq\u001b\\d\u009b1me\u0008f')).toBe('abcd1mef');
    expect(plainText('10%\r50%\r100%\nnext\r\n')).toBe('100%\nnext\n');
    expect(plainText('evil\u202egnp.exe\ttab')).toBe('evilgnp.exe\ttab');
  });
});
