import { argon2, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import {
  type CredentialArchive,
  CredentialFacts,
  type CredentialKind,
  CredentialName,
  CredentialParts,
  type ImportResult,
  partsProblem,
} from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { Secrets } from '../store/secrets.ts';
import type { Credentials } from './credentials.ts';

/**
 * Credentials on their way to another machine: sealed inside the vault (argon2id, then AES-256-GCM with everything else of
 * the file as additional data) and opened inside the other. In between nobody sees a value, the owner's terminal neither.
 */
export interface Archives {
  export(passphrase: string, system: boolean): Promise<CredentialArchive>;
  import(archive: CredentialArchive, passphrase: string, replace: boolean): Promise<ImportResult>;
}

const TAG_BYTES = 16;
const COST = { memory: 65_536, passes: 3 };
const derive = promisify(argon2);

const Contents = z.object({
  credentials: z.array(z.object({ name: z.string(), facts: CredentialFacts, parts: CredentialParts })),
  grants: z.array(z.object({ agent: z.string(), glob: z.string() })),
  secrets: z.array(z.object({ name: z.string(), value: z.string() })),
});
type Contents = z.infer<typeof Contents>;

export function createArchives({ credentials, secrets }: { credentials: Credentials; secrets: Secrets }): Archives {
  return {
    export: async (passphrase, system) => {
      const contents: Contents = {
        credentials: credentials.all(),
        grants: credentials.grants.list().map(({ agent, glob }) => ({ agent, glob })),
        secrets: system ? secrets.names().map((name) => ({ name, value: secrets.reveal(name) })) : [],
      };
      const kdf = { salt: randomBytes(16).toString('base64'), ...COST };
      const head = {
        format: 'holdfast-credentials',
        version: 1,
        kdf,
        nonce: randomBytes(12).toString('base64'),
      } as const;
      const cipher = createCipheriv('aes-256-gcm', await keyOf(passphrase, kdf), Buffer.from(head.nonce, 'base64'));
      cipher.setAAD(Buffer.from(JSON.stringify(head)));
      const body = Buffer.concat([cipher.update(JSON.stringify(contents)), cipher.final(), cipher.getAuthTag()]);
      return { ...head, box: body.toString('base64') };
    },
    import: async (archive, passphrase, replace) => {
      const contents = await openArchive(archive, passphrase);
      // Before anything is written: what is replaced is gone.
      for (const { name, facts, parts } of contents.credentials) checkOne(name, facts.kind, parts);
      const result: { added: string[]; replaced: string[]; kept: string[] } = { added: [], replaced: [], kept: [] };
      const put = (name: string, there: boolean, write: () => void): void => {
        if (there && !replace) return void result.kept.push(name);
        write();
        (there ? result.replaced : result.added).push(name);
      };
      for (const { name, facts, parts } of contents.credentials)
        put(name, credentials.has(name), () => {
          if (credentials.has(name)) credentials.remove(name);
          credentials.add(name, { facts, parts });
        });
      for (const { name, value } of contents.secrets)
        put(`system: ${name}`, secrets.has(name), () => secrets.put(name, Buffer.from(value)));
      for (const { agent, glob } of contents.grants) credentials.grants.add(agent, glob);
      return result;
    },
  };
}

function checkOne(name: string, kind: CredentialKind, parts: CredentialParts): void {
  const problem = CredentialName.safeParse(name).success ? partsProblem(kind, parts) : 'its name is not one';
  if (problem === undefined) return;
  throw new HoldfastError(
    'bad-request',
    `A credential in the file cannot be kept: ${name.slice(0, 128)}: ${problem}.`,
    {
      remedy: 'Nothing was imported.',
    },
  );
}

function keyOf(passphrase: string, { salt, memory, passes }: CredentialArchive['kdf']): Promise<Buffer> {
  const nonce = Buffer.from(salt, 'base64');
  return derive('argon2id', { message: Buffer.from(passphrase), nonce, parallelism: 1, tagLength: 32, memory, passes });
}

async function openArchive(archive: CredentialArchive, passphrase: string): Promise<Contents> {
  const { box, ...head } = archive;
  const bytes = Buffer.from(box, 'base64');
  const key = await keyOf(passphrase, head.kdf);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(head.nonce, 'base64'), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(JSON.stringify(head)));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
    return Contents.parse(JSON.parse(text.toString('utf8')));
  } catch {
    // The cause could hold opened text.
    throw new HoldfastError(
      'vault.wrong-passphrase',
      'The file does not open: another passphrase, or it was changed.',
      {
        remedy: 'Nothing was imported. Try again with the passphrase it was exported with.',
      },
    );
  }
}
