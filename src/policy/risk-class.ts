import { RISKS, type Risk } from '../protocol/tool.ts';

/** In a list of tools: every tool of this risk, those of later versions too. `risk:sandbox-read`. */
export const riskClass = (risk: Risk): string => `risk:${risk}`;

export const RISK_CLASSES: readonly string[] = RISKS.map(riskClass);

/** The tools that a list grants, with its classes written out. */
export function grantedTools(list: readonly string[], tools: Iterable<{ readonly name: string; readonly risk: Risk }>) {
  const classes = list.filter((name) => RISK_CLASSES.includes(name));
  if (classes.length === 0) return list;
  const ofClasses = [...tools].filter(({ risk }) => classes.includes(riskClass(risk))).map(({ name }) => name);
  return [...new Set([...list.filter((name) => !classes.includes(name)), ...ofClasses])];
}
