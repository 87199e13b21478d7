import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPasswordFile } from './password-file.ts';

async function read(text: string, url: string, mode = 0o600): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-pgpass-'));
  const path = join(directory, 'pgpass');
  writeFileSync(path, text, { mode });
  return await readPasswordFile(path, url).finally(() => rmSync(directory, { recursive: true }));
}

describe('the password file', () => {
  it('gives the password of the first line that fits', async () => {
    const text = '# ours\nother:5432:hold:me:no\ndb.example:*:hold:me:yes\n*:*:*:*:last\n';
    expect(await read(text, 'postgres://me@db.example/hold')).toBe('yes');
    expect(await read(text, 'postgres://me@other:5432/hold')).toBe('no');
    expect(await read(text, 'postgres://me@elsewhere:7/hold?sslmode=require')).toBe('last');
  });

  it('knows escapes, a unix socket and a database named like the user', async () => {
    expect(await read('localhost:5432:me:me:a\\:b\\\\c', 'postgres://me@/?host=/run/pg')).toBe('a:b\\c');
    expect(await read('::1:5432:d:me:x\n\\:\\:1:5432:d:me:six', 'postgres://me@[::1]/d')).toBe('six');
  });

  it('is refused when others may read it, when it is not there, and when no line fits', async () => {
    const url = 'postgres://me@h/d';
    await expect(read('*:*:*:*:x', url, 0o644)).rejects.toMatchObject({
      code: 'config.invalid',
      remedy: expect.stringContaining('chmod 600'),
    });
    await expect(read('h:1:d:me:secret\nbroken', url)).rejects.toMatchObject({
      message: expect.stringContaining('no line for h:5432:d:me'),
    });
    await expect(readPasswordFile('/nonexistent/pgpass', url)).rejects.toMatchObject({ code: 'config.unreadable' });
  });
});
