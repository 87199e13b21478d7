import { createPublicKey, verify as verifySignature } from 'node:crypto';
import { firstLink, nextLink, rowDigest } from '../../../base/hash-chain.ts';
import { type AuditReport, headText, rowText, type SignedHead } from '../../../protocol/audit.ts';
import type { AuditExport } from '../export.ts';

/**
 * Checks the rows against heads that were kept elsewhere. It trusts neither the database nor whoever hands it over: links
 * are computed anew from the rows, and only a head with a signature of the expected key counts. A head attests every row up
 * to its own, their number and their order. So whatever was edited, deleted, inserted, moved or replaced before the newest
 * head shows; where it happened is told as closely as the stored links and the other heads allow.
 */
export interface KnownHead {
  readonly head: SignedHead;
  /** Who kept it. */
  readonly from: string;
  /** When an authority of RFC 3161 saw it. */
  readonly seenAt?: number | undefined;
}

export interface VerifyOptions {
  /** base64url; absent: the key of the first head, which is said in a warning. */
  readonly publicKey?: string | undefined;
  /** Chains before this one are left out. */
  readonly fromChain?: string | undefined;
}

export async function verifyAudit(
  audit: AuditExport,
  known: readonly KnownHead[],
  options: VerifyOptions = {},
): Promise<AuditReport> {
  const findings: Findings = { problems: [], warnings: [], widest: undefined };
  const key = options.publicKey ?? known[0]?.head.key;
  if (options.publicKey === undefined && key !== undefined)
    findings.warnings.push(`No public key was given: that of the first head was believed (${key}).`);
  const heads = checkedHeads(known, key, findings);
  const start = audit.chains.findIndex((chain) => chain.id === options.fromChain);
  const chains = audit.chains
    .slice(Math.max(0, start))
    .map((chain, index, all) => openChain(chain, all[index + 1]?.firstSeq, heads));
  missingChains(chains, start > 0 ? [] : heads, findings);
  const rows = await walk(audit, chains, findings);
  for (const chain of chains) closeChain(chain, findings);
  sayWhatIsOpen(chains, heads, findings);
  return {
    ok: findings.problems.length === 0,
    rows,
    attested: chains.reduce((sum, chain) => sum + chain.attested, 0),
    heads: heads.length,
    widestWindowMs: findings.widest ?? null,
    publicKey: key ?? null,
    problems: findings.problems,
    warnings: findings.warnings,
  };
}

interface Findings {
  readonly problems: string[];
  readonly warnings: string[];
  widest: number | undefined;
}

interface ChainState {
  readonly id: string;
  readonly firstSeq: number;
  readonly endSeq: number;
  /** By count, ascending. */
  readonly heads: readonly KnownHead[];
  next: number;
  count: number;
  link: string;
  attested: number;
  attestedSeq: number;
  /** When the oldest row after the last attested one was written. */
  waitingSince: number | undefined;
  /** First row whose stored link is not the one that its content gives. */
  firstOdd: string | undefined;
  broken: boolean;
}

function openChain(
  chain: AuditExport['chains'][number],
  nextFirst: number | undefined,
  heads: readonly KnownHead[],
): ChainState {
  return {
    id: chain.id,
    firstSeq: chain.firstSeq,
    endSeq: nextFirst ?? Number.POSITIVE_INFINITY,
    heads: heads.filter((one) => one.head.chain === chain.id).sort((a, b) => a.head.count - b.head.count),
    next: 0,
    count: 0,
    link: firstLink(chain.id),
    attested: 0,
    attestedSeq: chain.firstSeq - 1,
    waitingSince: undefined,
    firstOdd: undefined,
    broken: false,
  };
}

async function walk(audit: AuditExport, chains: readonly ChainState[], findings: Findings): Promise<number> {
  let rows = 0;
  let last = 0;
  for await (const { row, link } of audit.rows()) {
    rows += 1;
    if (row.seq <= last)
      findings.problems.push(`Row ${row.seq} comes after row ${last}: the rows were put into another order.`);
    last = row.seq;
    const chain = chains.find((one) => row.seq >= one.firstSeq && row.seq < one.endSeq);
    if (chain === undefined) continue;
    chain.count += 1;
    chain.link = nextLink(chain.link, rowDigest(rowText(row)));
    chain.waitingSince ??= row.at;
    if (link !== chain.link) noteOdd(chain, row.seq, link);
    while (chain.heads[chain.next]?.head.count === chain.count) compare(chain, row.seq, findings);
  }
  return rows;
}

function noteOdd(chain: ChainState, seq: number, link: string | null): void {
  chain.firstOdd ??=
    link === null ? `row ${seq} has no link` : `row ${seq} does not fit its own link, or a row before it is gone`;
}

function compare(chain: ChainState, seq: number, findings: Findings): void {
  const known = chain.heads[chain.next];
  chain.next += 1;
  if (known === undefined || chain.broken) return;
  const { head, from, seenAt } = known;
  if (head.link === chain.link && head.seq === seq) {
    const waited = (seenAt ?? head.at) - (chain.waitingSince ?? head.at);
    findings.widest = Math.max(findings.widest ?? 0, waited);
    chain.attested = head.count;
    chain.attestedSeq = seq;
    chain.waitingSince = undefined;
    chain.firstOdd = undefined;
    return;
  }
  chain.broken = true;
  const hint =
    chain.firstOdd === undefined ? 'the stored links were made anew to hide it' : `first seen at: ${chain.firstOdd}`;
  findings.problems.push(
    `The rows after ${chain.attestedSeq} and up to ${Math.max(seq, head.seq)} are not those of ${when(head.at)}, of which ${from} kept the head ` +
      `(${head.count} rows): something was edited, deleted, inserted or moved (${hint}).`,
  );
}

function closeChain(chain: ChainState, findings: Findings): void {
  const missing = chain.heads.at(-1);
  if (!chain.broken && missing !== undefined && missing.head.count > chain.count) {
    chain.broken = true;
    findings.problems.push(
      `${missing.head.count - chain.count} rows at the end are gone: there are ${chain.count}, and the head of ${when(missing.head.at)}, ` +
        `which ${missing.from} kept, attests ${missing.head.count}.`,
    );
  }
  if (!chain.broken && chain.firstOdd !== undefined && !chain.firstOdd.endsWith('has no link'))
    findings.problems.push(`After the last head (row ${chain.attestedSeq}) ${chain.firstOdd}.`);
}

function missingChains(chains: readonly ChainState[], heads: readonly KnownHead[], findings: Findings): void {
  const here = new Set(chains.map((chain) => chain.id));
  const foreign = new Map(heads.filter((one) => !here.has(one.head.chain)).map((one) => [one.head.chain, one]));
  for (const [id, { head, from }] of foreign) {
    findings.problems.push(
      `${from} kept a head of ${head.count} rows of the chain ${id}, which this database does not have: it was replaced as a whole, or it is another one.`,
    );
  }
}

function sayWhatIsOpen(chains: readonly ChainState[], heads: readonly KnownHead[], findings: Findings): void {
  if (heads.length === 0)
    findings.problems.push('No head was given, so nothing outside the database attests any of its rows.');
  const open = chains.reduce((sum, chain) => sum + (chain.broken ? 0 : chain.count - chain.attested), 0);
  if (open > 0 && heads.length > 0)
    findings.warnings.push(`${open} rows are newer than the last head and not attested yet.`);
  const begun = Math.max(0, ...heads.map((one) => one.head.chains));
  if (begun > chains.length)
    findings.warnings.push(
      `The vault has begun ${begun} chains and this database has ${chains.length}: was it restored or replaced?`,
    );
}

function checkedHeads(known: readonly KnownHead[], key: string | undefined, findings: Findings): KnownHead[] {
  return known.filter(({ head, from }) => {
    if (head.key !== key) {
      findings.problems.push(`A head of ${head.count} rows from ${from} is signed with another key (${head.key}).`);
      return false;
    }
    if (isSigned(head)) return true;
    findings.problems.push(`A head of ${head.count} rows from ${from} has a signature that does not hold.`);
    return false;
  });
}

const ED25519 = Buffer.from('302a300506032b6570032100', 'hex');

export function isSigned(head: SignedHead): boolean {
  const der = Buffer.concat([ED25519, Buffer.from(head.key, 'base64url')]);
  const key = createPublicKey({ key: der, type: 'spki', format: 'der' });
  return verifySignature(null, Buffer.from(headText(head)), key, Buffer.from(head.signature, 'base64url'));
}

const when = (at: number): string => new Date(at).toISOString();
