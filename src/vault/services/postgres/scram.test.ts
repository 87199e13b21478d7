import { describe, expect, it } from 'vitest';
import { createScram } from './scram.ts';

/** The exchange that RFC 7677 prints, with the name that PostgreSQL leaves empty. */
const NONCE = 'rOprNGfwEbeRWgbNEkqO';
const FIRST = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;

describe('SCRAM-SHA-256', () => {
  it('proves the password and believes only a server that knows it too', async () => {
    const scram = createScram('pencil', NONCE);
    expect(scram.first).toBe(`n,,n=,r=${NONCE}`);
    const final = await scram.final(FIRST);
    expect(final).toMatch(/^c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj\)hNlF\$k0,p=[A-Za-z0-9+/]{43}=$/);
    expect(() => scram.check('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).toThrow('does not know the password');
    expect(() => scram.check('')).toThrow('does not know the password');
  });

  it.each([
    ['r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096', 'nonce'],
    [`r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`, 'nonce'],
    [`r=${NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0`, 'iterations'],
    [`r=${NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999`, 'iterations'],
    ['', 'nonce'],
  ])('refuses %j', async (first, reason) => {
    await expect(createScram('pencil', NONCE).final(first)).rejects.toThrow(reason);
  });
});
