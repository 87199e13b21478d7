import { hash } from 'node:crypto';

/**
 * The arithmetic of a hash chain, small enough to be written again by whoever wants to check one without our code:
 *
 *   digest(row)  = SHA-256 of the row's text in UTF-8
 *   link(0)      = SHA-256 of "holdfast-audit-1\n" and the id of the chain
 *   link(n)      = SHA-256 of the 32 bytes of link(n-1) followed by the 32 bytes of digest(row n)
 *
 * Everything is lower case hex outside the hash. Whoever knows link(m) and the digests of the rows after m can check that
 * a later link continues it without seeing one row.
 */
export const LINK_BYTES = 32;

export function firstLink(chain: string): string {
  return hash('sha256', `holdfast-audit-1\n${chain}`);
}

export function rowDigest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

export function nextLink(previous: string, digest: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.from(previous, 'hex'), digest]));
}

/** The link after all of `digests`, which stand one after the other, 32 bytes each. */
export function linkAfter(previous: string, digests: Uint8Array): string {
  let link = previous;
  for (let at = 0; at < digests.length; at += LINK_BYTES) link = nextLink(link, digests.subarray(at, at + LINK_BYTES));
  return link;
}
