import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Which addresses are "the internet". Only globally routed unicast passes; whatever hides another address inside (IPv4
 * in IPv6, 6to4, Teredo, NAT64) is refused whole instead of being unpacked.
 */
const ALSO_REFUSED = [
  '::/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '100:0:0:1::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
  '0.0.0.0/8',
  '100.64.0.0/10',
  '192.0.0.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '224.0.0.0/3',
  '168.63.129.16/32',
].map((range) => ipaddr.parseCIDR(range));

/**
 * `address` as DNS or `net` gives it. Anything that is not one full, plain address is not public: ipaddr.js alone would
 * take `1.2.3` for one, and read `::8.8.8.8` as if it were IPv4-mapped.
 */
export function isPublicAddress(address: string): boolean {
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0) return false;
  const parsed = ipaddr.process(family === 6 ? inHex(address) : address);
  if (parsed.range() !== 'unicast') return false;
  return !ALSO_REFUSED.some((range) => parsed.kind() === range[0].kind() && parsed.match(range));
}

/** The URL parser writes an IPv6 address in hexadecimal throughout. */
function inHex(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
