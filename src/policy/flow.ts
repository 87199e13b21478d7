import type { ApprovalCard, Decision } from '../protocol/decision.ts';
import type { FlowException } from '../protocol/flow.ts';
import type { JsonValue } from '../protocol/json.ts';
import {
  INTEGRITY,
  type Integrity,
  isPrivate,
  isUntrusted,
  joinAll,
  type Label,
  readersOf,
} from '../protocol/label.ts';
import type { Resource } from '../protocol/resource.ts';
import type { Risk } from '../protocol/tool.ts';
import { matchesPattern } from './pattern.ts';
import { MOST_SHOWN, showBytes } from './show-bytes.ts';
import { type Sink, sinksOf, sourceOf } from './sinks.ts';

/**
 * Where information may go. Pure. The default rules let at most two of three come together without a person: text that
 * nobody vouches for, data that is private, an effect outside. What untrusted text must not drive at all (memory, a
 * schedule, a skill, a folder of the user's, the fleet) is asked even without private data. What is secret does not
 * leave. A question shows the exact bytes, where they go and which sources the model had read.
 */
export interface FlowRequest {
  readonly agentId: string;
  readonly template?: string | undefined;
  readonly tool: string;
  readonly risk: Risk;
  readonly resources: readonly Resource[];
  /** The exact arguments, for the card. */
  readonly input: JsonValue;
  /** The tool acts in the person's name: nobody worse than this may lead its arguments without a person. */
  readonly requires?: Integrity | undefined;
}

export interface FlowFacts {
  /** The join of everything the model that wrote the arguments has seen. */
  readonly label: Label;
  /** What the run's sandbox holds, read or not: its folders and its own files. */
  readonly sandbox: Label;
  /** The person the run acts for. */
  readonly principal: string;
  readonly team?: string | undefined;
  /** What programs in the run's sandbox reach, as text for people. */
  readonly egress: readonly string[];
  /** A person was shown what this run's sandbox holds and where its programs reach, and allowed both together. */
  readonly egressCleared: boolean;
  /** Addresses that a person wrote in this conversation, exactly: to open one of them sends nothing else. */
  readonly named: readonly string[];
  readonly exceptions: readonly FlowException[];
  /** Sinks that a person allowed this agent beforehand for this very tool, as patterns. */
  readonly granted: readonly string[];
  readonly now: number;
}

/** `undefined`: no rule of labels has anything to say. It never allows what another rule refuses. */
export function judgeFlow(request: FlowRequest, facts: FlowFacts): Decision | undefined {
  const concerns = concernsOf(request, facts);
  const secret = concerns.find((concern) => concern.rule === 'flow.secret-stays');
  if (secret !== undefined) {
    return {
      kind: 'deny',
      rule: secret.rule,
      reason: `What this conversation has seen is secret and does not leave: ${secret.sink.where}.`,
      unlock: 'Do this in a new session that has not seen the secret.',
    };
  }
  const [first] = concerns;
  return first === undefined ? undefined : ask(request, concerns, first);
}

/** The answer to a call of two that both had their say: a no wins, and two questions are one card. */
export function combineDecisions(decision: Decision, flow: Decision | undefined): Decision {
  if (flow === undefined || decision.kind === 'deny' || flow.kind === 'allow') return decision;
  if (flow.kind === 'deny' || decision.kind === 'allow') return flow;
  return {
    ...flow,
    rule: `${decision.rule}+${flow.rule}`,
    card: {
      title: decision.card.title,
      facts: withoutRepeats([...decision.card.facts, ...flow.card.facts]),
      risk: `${decision.card.risk}; ${flow.card.risk}`,
    },
  };
}

/** Whether a rule of labels was among those that asked. */
export const isFlowRule = (rule: string): boolean => rule.split('+').some((part) => part.startsWith('flow.'));

/** The sinks that a rule of labels has something against. */
export function disputedSinks(request: FlowRequest, facts: FlowFacts): readonly Sink[] {
  return concernsOf(request, facts).map((concern) => concern.sink);
}

function concernsOf(request: FlowRequest, facts: FlowFacts): readonly Concern[] {
  const sinks = sinksOf(request.resources, { ...facts, tool: request.tool, risk: request.risk });
  return sinks.flatMap((sink) => concernOf(sink, request, facts) ?? []);
}

interface Concern {
  readonly rule: 'flow.three-of-three' | 'flow.untrusted-drives' | 'flow.secret-stays';
  readonly sink: Sink;
  readonly label: Label;
}

function concernOf(sink: Sink, request: FlowRequest, facts: FlowFacts): Concern | undefined {
  const label = trusted(labelAt(sink, request, facts), sink, { request, facts });
  if (sink.kind === 'external' && label.confidentiality === 'secret' && !isHarmless(sink, label, facts))
    return { rule: 'flow.secret-stays', sink, label };
  if (sink.kind !== 'external' || isTooPoor(label, request.requires)) {
    const leads = isUntrusted(label) || isTooPoor(label, request.requires);
    return leads && !isGranted(sink, facts) ? { rule: ruleFor(sink, label), sink, label } : undefined;
  }
  if (isHarmless(sink, label, facts)) return undefined;
  if (isGranted(sink, facts)) return undefined;
  return isUntrusted(label) && isPrivate(label) ? { rule: 'flow.three-of-three', sink, label } : undefined;
}

/** What programs with a network read there, nobody vouches for, and they may send it on within one command. */
const FROM_NETWORK: Label = { integrity: 'untrusted', confidentiality: 'public', origins: ['sandbox-network'] };

/** What leaves as well is worth saying first. */
const ruleFor = (sink: Sink, label: Label): Concern['rule'] =>
  sink.kind === 'external' && isUntrusted(label) && isPrivate(label) ? 'flow.three-of-three' : 'flow.untrusted-drives';

const isTooPoor = (label: Label, requires: Integrity | undefined): boolean =>
  requires !== undefined && INTEGRITY.indexOf(label.integrity) > INTEGRITY.indexOf(requires);

/**
 * What reaches a sink: all that the model knows. Where programs reach out by themselves, also what they are given or
 * hold and what they will read there.
 */
function labelAt(sink: Sink, { resources }: FlowRequest, facts: FlowFacts): Label {
  if (sink.name.startsWith('egress:')) return joinAll([facts.label, facts.sandbox, FROM_NETWORK]);
  const template = resources.find((resource) => resource.kind === 'template');
  const runsFree = sink.name.startsWith('template:') && (template?.egress ?? []).length > 0;
  if (!runsFree) return facts.label;
  const sources = resources.flatMap((resource) => sourceOf(resource, facts.principal) ?? []);
  return joinAll([facts.label, FROM_NETWORK, ...sources]);
}

const isGranted = (sink: Sink, { granted }: FlowFacts): boolean =>
  granted.some((pattern) => matchesPattern(pattern, sink.name));

function isHarmless(sink: Sink, label: Label, facts: FlowFacts): boolean {
  if (sink.address !== undefined && facts.named.includes(sink.address)) return true;
  if (sink.name.startsWith('egress:') && facts.egressCleared && label.confidentiality !== 'secret') return true;
  const readers = readersOf(label);
  return sink.reader !== undefined && readers !== 'everyone' && readers.includes(sink.reader);
}

/** Without the origins that the owner excepted for this sink; without any left it is as good as the agent's own. */
function trusted(label: Label, sink: Sink, { request, facts }: { request: FlowRequest; facts: FlowFacts }): Label {
  if (!isUntrusted(label) || label.origins.length === 0) return label;
  const subjects = ['*', request.agentId, `template:${request.template ?? ''}`];
  const holding = facts.exceptions.filter(
    (exception) =>
      exception.expiresAt > facts.now &&
      subjects.includes(exception.subject) &&
      matchesPattern(exception.sink, sink.name),
  );
  const origins = label.origins.filter((origin) => !holding.some((rule) => matchesPattern(rule.origin, origin)));
  return origins.length === 0 ? { ...label, integrity: 'agent', origins } : { ...label, origins };
}

const MOST_ORIGINS_SHOWN = 12;

function ask(request: FlowRequest, concerns: readonly Concern[], first: Concern): Decision {
  const label = joinAll(concerns.map((concern) => concern.label));
  const bytes = shownArguments(request.input);
  const leaves = concerns.some((concern) => concern.rule === 'flow.three-of-three');
  const where = [...new Set(concerns.map((concern) => concern.sink.where))].join('; ');
  const card: ApprovalCard = {
    title: leaves
      ? `Private data may leave: ${firstOf(first.sink.where)}`
      : `Text from outside may be behind a change: ${firstOf(first.sink.where)}`,
    facts: [
      { name: leaves ? 'goes to' : 'changes', value: showBytes(where).text },
      ...bytes.facts,
      { name: 'the model has read', value: originsOf(label) },
      { name: 'tool', value: request.tool },
      { name: 'asked by', value: request.agentId },
    ],
    risk: riskOf(leaves, bytes.whole),
  };
  return { kind: 'ask', rule: first.rule, card, shows: bytes.whole ? 'all' : 'part' };
}

/** Every argument as the bytes it is; the names are the schema's own. */
function shownArguments(input: JsonValue): { facts: ApprovalCard['facts']; whole: boolean } {
  const entries = typeof input === 'object' && input !== null && !Array.isArray(input) ? Object.entries(input) : [];
  const named: [string, JsonValue][] = entries.length === 0 ? [['arguments', input]] : entries;
  const most = Math.max(200, Math.floor(MOST_SHOWN / named.length));
  const shown = named.map(([name, value]) => ({
    name: showBytes(name, 60).text,
    ...showBytes(typeof value === 'string' ? value : JSON.stringify(value), most),
  }));
  return {
    facts: shown.map(({ name, text }) => ({ name: `exact ${name}`, value: text })),
    whole: shown.every((item) => item.whole),
  };
}

function originsOf(label: Label): string {
  const named = label.origins.slice(0, MOST_ORIGINS_SHOWN).map((origin) => showBytes(origin, 200).text);
  const more = label.origins.length - named.length;
  const words = named.length === 0 ? 'text of unknown origin' : named.join(', ');
  return `${words}${more > 0 ? ` and ${more} more` : ''}${isPrivate(label) ? '; private data' : ''}`;
}

function riskOf(leaves: boolean, whole: boolean): string {
  const what = leaves
    ? 'text from outside may have told the model to send private data there'
    : 'text from outside may have told the model to do this, and it stays';
  return whole ? what : `${what}; not all of it is shown here`;
}

const firstOf = (where: string): string => showBytes(where, 120).text;

function withoutRepeats(facts: ApprovalCard['facts']): ApprovalCard['facts'] {
  return facts.filter(
    (fact, index) => facts.findIndex((other) => other.name === fact.name && other.value === fact.value) === index,
  );
}
