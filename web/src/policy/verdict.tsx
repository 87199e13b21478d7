import { Badge, type Tone } from '../ui/basics.tsx';

const SAYS: Record<string, { tone: Tone; text: string }> = {
  allow: { tone: 'ok', text: 'allowed' },
  pass: { tone: 'ok', text: 'passes' },
  ask: { tone: 'warn', text: 'asks a person' },
  deny: { tone: 'danger', text: 'refused' },
};

export function Verdict({ kind }: { kind: 'allow' | 'ask' | 'deny' | 'pass' }) {
  const said = SAYS[kind] ?? { tone: 'neutral' as const, text: kind };
  return <Badge tone={said.tone}>{said.text}</Badge>;
}
