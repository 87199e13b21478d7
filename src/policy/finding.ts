import type { Resource } from '../protocol/resource.ts';

/** What one rule says about one resource, or about the call as a whole. `pass`: it has nothing against it. */
export interface Finding {
  readonly rule: string;
  readonly verdict: 'pass' | 'ask' | 'deny';
  readonly why: string;
  /** What a person could change; empty where nothing would. */
  readonly unlock: string;
  readonly resource?: Resource;
}

export const pass = (rule: string, why: string): Finding => ({ rule, verdict: 'pass', why, unlock: '' });

export const refuse = (rule: string, why: string, unlock: string): Finding => ({ rule, verdict: 'deny', why, unlock });

export const question = (rule: string, why: string, unlock: string): Finding => ({ rule, verdict: 'ask', why, unlock });
