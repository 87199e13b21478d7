import { z } from 'zod';

/** Integrity, best first. A context's integrity is the worst of what the model has seen. */
export const INTEGRITY = ['owner', 'member', 'system', 'agent', 'untrusted'] as const;
export const Integrity = z.enum(INTEGRITY);
export type Integrity = z.infer<typeof Integrity>;

/** Confidentiality, lowest first. A context's confidentiality is the highest of what the model has seen. */
export const CONFIDENTIALITY = ['public', 'internal', 'private', 'secret'] as const;
export const Confidentiality = z.enum(CONFIDENTIALITY);
export type Confidentiality = z.infer<typeof Confidentiality>;

/** Where a value came from and who may see it. `origins` names the untrusted sources, e.g. `web:example.org`. */
export const Label = z.object({
  integrity: Integrity,
  confidentiality: Confidentiality,
  origins: z.array(z.string()).default([]),
});
export type Label = z.infer<typeof Label>;

export const OWNER_LABEL: Label = { integrity: 'owner', confidentiality: 'internal', origins: [] };
export const SYSTEM_LABEL: Label = { integrity: 'system', confidentiality: 'internal', origins: [] };

/** The join of two labels: worst integrity, highest confidentiality, all origins. */
export function joinLabels(a: Label, b: Label): Label {
  const integrity = INTEGRITY[Math.max(INTEGRITY.indexOf(a.integrity), INTEGRITY.indexOf(b.integrity))] ?? 'untrusted';
  const level = Math.max(CONFIDENTIALITY.indexOf(a.confidentiality), CONFIDENTIALITY.indexOf(b.confidentiality));
  return {
    integrity,
    confidentiality: CONFIDENTIALITY[level] ?? 'secret',
    origins: [...new Set([...a.origins, ...b.origins])],
  };
}
