import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './address.ts';

const REFUSED = `127.0.0.1 127.1.2.3 10.0.0.1 10.0.0.5 172.16.0.1 172.31.255.255 192.168.1.1 169.254.1.1 169.254.169.254
  100.64.0.1 100.64.0.7 100.127.255.255 0.0.0.0 0.1.2.3 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
  240.0.0.1 255.255.255.255 192.88.99.1 168.63.129.16 :: ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:192.168.1.1
  ::ffff:169.254.169.254 ::127.0.0.1 ::8.8.8.8 fe80::1 fe80::1%eth0 fc00::1 fd00::1 fd00:ec2::254 fec0::1 ff02::1 2002:7f00:1::
  2002:a00:1:: 2002:808:808:: 2001:0:0:0:0:0:80ff:fffe 2001:20::1 2001:db8::1 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::7f00:1
  100::1 3fff::1 5f00::1 localhost example.org 1.2.3 1.2.3.4.5`.split(/\s+/);
const ALLOWED =
  '8.8.8.8 1.1.1.1 93.184.216.34 172.32.0.1 100.128.0.1 ::ffff:8.8.8.8 2606:4700:4700::1111 2001:4860:4860::8888'.split(
    ' ',
  );

describe('public addresses', () => {
  it.each([...REFUSED, ''])('do not include %j', (address) => expect(isPublicAddress(address)).toBe(false));
  it.each(ALLOWED)('include %s', (address) => expect(isPublicAddress(address)).toBe(true));
});
