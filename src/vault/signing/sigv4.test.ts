import { describe, expect, it } from 'vitest';
import { type AwsRequest, signAwsRequest } from './sigv4.ts';

/** AWS's own test suite (aws-sig-v4-test-suite) and the worked examples of the S3 and IAM guides. */
const SUITE = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const S3 = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const EMPTY = new Uint8Array();
const AT = Date.UTC(2015, 7, 30, 12, 36, 0);
const S3_AT = Date.UTC(2013, 4, 24);

const suite = (target: string, change: Partial<AwsRequest> = {}): string => {
  const request = { method: 'GET', host: 'example.amazonaws.com', target, body: EMPTY, ...change };
  const scope = { region: 'us-east-1', service: 'service', credentials: SUITE, at: AT };
  return signatureOf(signAwsRequest(request, scope));
};
const s3 = (target: string, change: Partial<AwsRequest> = {}): Record<string, string> =>
  signAwsRequest(
    { method: 'GET', host: 'examplebucket.s3.amazonaws.com', target, body: EMPTY, ...change },
    { region: 'us-east-1', service: 's3', credentials: S3, at: S3_AT },
  );
const signatureOf = (headers: Record<string, string>): string => headers.authorization?.split('Signature=')[1] ?? '';

describe('AWS Signature Version 4', () => {
  it.each([
    ['get-vanilla', '/', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', '/', { method: 'POST' }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-query-order-key-case',
      '/?Param2=value2&Param1=value1',
      {},
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-empty-query-key',
      '/?Param1=value1',
      {},
      'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
    ],
    ['get-utf8', '/ሴ', {}, '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85'],
    [
      'get-unreserved',
      '/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
      {},
      '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
    ],
    ['get-relative', '/example/..', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['get-slash', '//', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['get-space', '/example space/', {}, '652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741'],
    [
      'get-header-value-trim',
      '/',
      { headers: { 'My-Header1': ' value1', 'My-Header2': ' "a   b   c"' } },
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
    [
      'post-header-key-sort',
      '/',
      { method: 'POST', headers: { 'My-Header1': 'value1' } },
      'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
    ],
    [
      'post-x-www-form-urlencoded',
      '/',
      {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: Buffer.from('Param1=value1'),
      },
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
  ] as const)('%s', (_name, target, change, expected) => {
    expect(suite(target, change)).toBe(expected);
  });

  it('the worked example of IAM: ListUsers', () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const target = '/?Action=ListUsers&Version=2010-05-08';
    const request = { method: 'GET', host: 'iam.amazonaws.com', target, headers, body: EMPTY };
    const signed = signAwsRequest(request, { region: 'us-east-1', service: 'iam', credentials: SUITE, at: AT });
    expect(signed.authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    );
  });

  it('the worked examples of S3', () => {
    const ranged = s3('/test.txt', { headers: { Range: 'bytes=0-9' } });
    expect(signatureOf(ranged)).toBe('f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41');
    const put = s3('/test%24file.text', {
      method: 'PUT',
      headers: { Date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      body: Buffer.from('Welcome to Amazon S3.'),
    });
    expect(signatureOf(put)).toBe('98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd');
    expect(signatureOf(s3('/?lifecycle'))).toBe('fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543');
    expect(signatureOf(s3('/?max-keys=2&prefix=J'))).toBe(
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    );
  });

  it('signs the token of temporary credentials and hands every header out that has to be sent', () => {
    const credentials = { ...SUITE, sessionToken: 'a session' };
    const request = { method: 'GET', host: 'example.amazonaws.com', target: '/', body: EMPTY };
    const headers = signAwsRequest(request, { region: 'us-east-1', service: 'service', credentials, at: AT });
    expect(headers).toMatchObject({ 'x-amz-date': '20150830T123600Z', 'x-amz-security-token': 'a session' });
    expect(headers.authorization).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
  });

  it('a body that is not signed says so', () => {
    expect(s3('/x', { body: 'unsigned' })['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD');
  });

  it('the path of a Bedrock model is encoded twice, as that service wants it', () => {
    expect(suite('/model/a.b-v1%3A0/converse')).not.toBe(suite('/model/a.b-v1:0/converse'));
  });
});
