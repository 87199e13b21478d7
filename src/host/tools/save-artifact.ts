import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { ToolOutcome } from '../../protocol/tool.ts';
import type { Exit } from '../../sandbox/launcher.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { pathInside } from './file-label.ts';
import { fileOutcome, fileProblem } from './file-outcome.ts';
import { captureOutput } from './output-capture.ts';
import { plainText } from './plain-text.ts';
import type { Tool, ToolContext } from './tool.ts';

export const SaveArtifactInput = z.strictObject({
  path: z.string().min(1).describe('File inside the sandbox; relative paths start in /data.'),
  name: z.string().min(1).max(200).optional().describe('Name to hand it over under. Default: the name of the file.'),
});
export type SaveArtifactInput = z.infer<typeof SaveArtifactInput>;

export interface ArtifactFile {
  readonly name: string;
  readonly bytes: number;
  readonly mediaType: string;
  /** Content hash in the blob store. */
  readonly blob: string;
}

export interface SaveArtifactDeps {
  readonly blobs: BlobStore;
  /** Writes the artifact's row. */
  readonly recordArtifact: (context: ToolContext, file: ArtifactFile) => Promise<{ readonly id: string }>;
}

const MAX_BYTES = 52_428_800;
const WITHIN_MS = 60_000;
const COMPLAINT_BYTES = 2_048;
const SCRIPT = '[ -f "$1" ] || { echo "there is no such file" >&2; exit 2; }; exec cat -- "$1"';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.gif': 'image/gif',
  '.html': 'text/html',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  '.webp': 'image/webp',
  '.xml': 'application/xml',
  '.zip': 'application/zip',
};

/** The file leaves through a program inside the sandbox, so no link in it can make the host read something else. */
export function createSaveArtifact(deps: SaveArtifactDeps): Tool<SaveArtifactInput> {
  return {
    name: 'save_artifact',
    description: 'Hands a file of the sandbox over to the user as an artifact, up to 50 MB.',
    input: SaveArtifactInput,
    risk: 'sandbox-read',
    idempotent: true,
    parallel: false,
    execute: (input, context) => execute(deps, input, context),
  };
}

async function execute(deps: SaveArtifactDeps, input: SaveArtifactInput, context: ToolContext): Promise<ToolOutcome> {
  const path = pathInside(input.path);
  const copied = await copyOut(deps.blobs, path, context);
  if (!('hash' in copied)) return fileProblem(path, `${path} was not saved: ${copied.problem}`);
  const name = safeName(input.name ?? posix.basename(path));
  const mediaType = MEDIA_TYPES[posix.extname(name).toLowerCase()] ?? 'application/octet-stream';
  const file = { name, bytes: copied.bytes, mediaType, blob: copied.hash };
  const { id } = await deps.recordArtifact(context, file);
  const outcome = fileOutcome(path, `Saved ${path} as artifact ${name} (${copied.bytes} bytes).`, {
    artifact: id,
    ...file,
  });
  return { ...outcome, blob: copied.hash, bytes: copied.bytes };
}

type Copied = { readonly hash: string; readonly bytes: number } | { readonly problem: string };

async function copyOut(blobs: BlobStore, path: string, context: ToolContext): Promise<Copied> {
  const sandbox = await context.sandbox();
  const enough = new AbortController();
  const signal = AbortSignal.any([context.signal, enough.signal]);
  const process = sandbox.spawn({ argv: ['sh', '-c', SCRIPT, 'sh', path], timeoutMs: WITHIN_MS, signal });
  process.stdin.on('error', () => undefined); // It reads no input.
  process.stdin.end();
  let complaint = Buffer.alloc(0);
  process.stderr.on('data', (chunk: Buffer) => {
    if (complaint.length < COMPLAINT_BYTES) complaint = Buffer.concat([complaint, chunk]);
  });
  const capture = captureOutput(process.stdout, Readable.from([]), {
    ...{ keepBytes: 0, maxBytes: MAX_BYTES, onChunk: () => undefined },
    onOverflow: () => enough.abort(),
  });
  try {
    const ref = await blobs.put(capture.bytes);
    const problem = problemOf(await process.exit, capture.summary().overflowed, complaint);
    return problem === undefined ? ref : { problem };
  } catch (error) {
    enough.abort();
    await process.exit;
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function problemOf(exit: Exit, overflowed: boolean, complaint: Buffer): string | undefined {
  if (overflowed) return `it is larger than ${MAX_BYTES} bytes`;
  if (exit.reason === 'exited' && exit.code === 0) return undefined;
  return plainText(complaint.toString('utf8')).trim() || `the copy ${exit.detail}`;
}

/** A name without folders or control characters; it will be offered as a download. */
function safeName(name: string): string {
  const clean = plainText(posix.basename(name))
    .replace(/[\n\t"\\/:*?<>|]/g, '_')
    .trim();
  return clean === '' || clean === '.' || clean === '..' ? 'artifact' : clean;
}
