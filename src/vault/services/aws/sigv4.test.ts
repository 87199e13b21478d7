import { describe, expect, it } from 'vitest';
import { type SigningRequest, signV4 } from './sigv4.ts';

/** The vectors that AWS publishes: its SigV4 test suite, and the examples of its documentation. */
const SUITE = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
} as const;
const SCOPE = { service: 'service', region: 'us-east-1', now: new Date('2015-08-30T12:36:00Z') };
const HOST = ['Host', 'example.amazonaws.com'] as const;

const ask = (change: Partial<SigningRequest> = {}): SigningRequest => ({
  method: 'GET',
  path: '/',
  query: '',
  headers: [HOST],
  body: new Uint8Array(),
  ...change,
});

const signatureOf = (request: SigningRequest): string | undefined =>
  /Signature=([0-9a-f]{64})$/.exec(signV4(request, SUITE, SCOPE).authorization)?.[1];

describe('the AWS SigV4 test suite', () => {
  it.each([
    ['get-vanilla', ask(), '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', ask({ method: 'POST' }), '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-query-order-key-case',
      ask({ query: 'Param2=value2&Param1=value1' }),
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-empty-query-key',
      ask({ query: 'Param1=value1' }),
      'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
    ],
    ['get-utf8', ask({ path: '/\u1234' }), '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85'],
    ['get-relative', ask({ path: '/example/..' }), '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [
      'post-x-www-form-urlencoded',
      ask({
        method: 'POST',
        headers: [['Content-Type', 'application/x-www-form-urlencoded'], HOST],
        body: Buffer.from('Param1=value1'),
      }),
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
  ])('%s', (_name, request, signature) => expect(signatureOf(request)).toBe(signature));

  it('has the canonical request and the string to sign of get-vanilla', () => {
    const { canonicalRequest, stringToSign } = signV4(ask(), SUITE, SCOPE);
    expect(canonicalRequest).toBe(
      'GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(stringToSign).toBe(
      'AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\nbb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63',
    );
  });
});

describe('the examples of the documentation', () => {
  it('IAM ListUsers', () => {
    const request = ask({
      query: 'Action=ListUsers&Version=2010-05-08',
      headers: [
        ['Content-Type', 'application/x-www-form-urlencoded; charset=utf-8'],
        ['Host', 'iam.amazonaws.com'],
      ],
    });
    const { authorization } = signV4(request, SUITE, { ...SCOPE, service: 'iam' });
    expect(authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    );
  });

  it('S3 GET Object', () => {
    const request = ask({
      path: '/test.txt',
      headers: [
        ['Host', 'examplebucket.s3.amazonaws.com'],
        ['Range', 'bytes=0-9'],
      ],
    });
    const credential = {
      ...SUITE,
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    };
    const scope = { service: 's3', region: 'us-east-1', now: new Date('2013-05-24T00:00:00Z') };
    expect(signV4(request, credential, scope).authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });
});
