import { z } from 'zod';
import { HoldfastError } from '../../protocol/error.ts';
import type { AwsCredential } from '../services/aws/sigv4.ts';

const Parts = z.object({
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
  sessionToken: z.string().min(1).optional(),
});
const Pair = /^([A-Z0-9]{16,128}):([A-Za-z0-9/+=]{16,128})(?::(\S+))?$/;

/** `AKIA…:secret`, `AKIA…:secret:session`, or JSON with these three names. The error repeats nothing of it. */
export function readAwsKey(secret: string, name: string): AwsCredential {
  const pair = Pair.exec(secret.trim());
  if (pair) return { accessKeyId: pair[1] ?? '', secretAccessKey: pair[2] ?? '', sessionToken: pair[3] };
  const parsed = Parts.safeParse(parseOrUndefined(secret));
  if (parsed.success) return parsed.data;
  throw new HoldfastError('model.auth', `The secret ${name} is no AWS access key.`, {
    remedy: 'Enter ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN after it for temporary ones.',
  });
}

/** The parts of keys that are made of several, each of which is as secret as the whole. */
export function secretParts(value: string): string[] {
  const pair = Pair.exec(value.trim());
  if (pair) return [pair[2], pair[3]].filter((part) => part !== undefined);
  const json = value.startsWith('{') ? parseOrUndefined(value) : undefined;
  const parts = z.record(z.string(), z.unknown()).safeParse(json);
  if (!parts.success) return [];
  const { secretAccessKey, sessionToken, private_key: privateKey } = parts.data;
  return [secretAccessKey, sessionToken, privateKey].filter((part) => typeof part === 'string');
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
