import { decide } from '../src/policy/decide.ts';
import type { GateFacts } from '../src/policy/facts.ts';
import { compileFloor } from '../src/policy/floor.ts';
import { compileGrant } from '../src/policy/grant.ts';
import type { GateRequest } from '../src/policy/request.ts';
import { Permissions } from '../src/protocol/permission.ts';
import { Floor } from '../src/protocol/policy-rule.ts';
import type { Resource } from '../src/protocol/resource.ts';
import { type BenchOptions, type BenchTable, environment, quantile } from './table.ts';

/** P15: one decision of the gate with 1,000 rules, most of them with stars, of which none decides before the last. */
const GOAL_MS = 0.2;
const range = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

/** 400 rules of the floor, 500 entries of permissions, 100 standing grants. */
function factsOf(rules: number): GateFacts {
  const share = (part: number): number => Math.round(rules * part);
  const grants = Math.max(1, share(0.1));
  const kinds = [
    'host:*.blocked-#.example',
    'path:/srv/secret-#/*',
    'tool:forbidden_#_*',
    'api:service-#',
    'mcp:srv#/*',
  ];
  return {
    home: '/home/ada/.holdfast',
    userHome: '/home/ada',
    tools: range(30, (i) => `tool_${i}`),
    isOperator: false,
    team: 'sales',
    permissions: Permissions.parse({
      can_use_internet: true,
      allowed_hosts: [...range(share(0.2), (i) => `*.host-${i}.example.com`), '*.example.org'],
      blackboard_write: [...range(share(0.2), (i) => `tasks/${i}/*/done`), 'tasks/*'],
      allowed_mcp: [...range(share(0.1), (i) => `server-${i}/*_read`), 'mail/*'],
    }),
    floor: compileFloor(
      Floor.parse({ never: range(share(0.4), (i) => (kinds[i % kinds.length] ?? '').replace('#', String(i))) }),
    ),
    folders: [],
    grants: range(grants, (i) =>
      compileGrant({
        id: `g${i}`,
        agentId: 'rep',
        allows: [i === grants - 1 ? 'path:/srv/data' : `path:/srv/x${i}`],
      }),
    ),
    unattended: undefined,
    now: 0,
  };
}

const RESOURCES: readonly Resource[] = [
  { kind: 'url', url: 'https://docs.example.org/page?q=1', method: 'GET' },
  { kind: 'blackboard', key: 'teams/sales/tasks/17', act: 'write' },
  { kind: 'mcp', server: 'mail', tool: 'send' },
  { kind: 'path', path: '/srv/data/reports', mode: 'ro' },
];
const REQUESTS: readonly GateRequest[] = [...RESOURCES.map((one) => [one]), [...RESOURCES]].map((resources) => ({
  ...{ agentId: 'rep', tool: 'tool_29', risk: 'network', principal: 'owner' },
  resources,
}));

function measure(facts: GateFacts, rounds: number): number[] {
  const times: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const request = REQUESTS[i % REQUESTS.length];
    if (request === undefined) continue;
    const started = performance.now();
    const decision = decide(request, facts);
    times.push(performance.now() - started);
    if (decision.kind !== 'allow') throw new Error(`The bench’s own request was not allowed: ${decision.rule}`);
  }
  return times;
}

export async function run({ quick }: BenchOptions): Promise<BenchTable> {
  const rounds = quick ? 2_000 : 50_000;
  const rows = [0, 100, 1_000].map((rules) => {
    const facts = factsOf(rules);
    measure(facts, 2_000);
    const times = measure(facts, rounds);
    return { rules, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  });
  return {
    name: 'gate',
    environment: environment(),
    note: `${rounds} decisions each; every request walks all the lists of its kind to their last entry; one in five touches four things.`,
    rows: rows.flatMap(({ rules, p50, p99 }) => [
      { what: `a decision, ${rules} rules, p50`, value: p50 * 1_000, unit: 'us' },
      {
        what: `a decision, ${rules} rules, p99`,
        value: p99 * 1_000,
        unit: 'us',
        ...(rules === 1_000 ? { goal: `<= ${GOAL_MS * 1_000} us`, met: p99 <= GOAL_MS } : {}),
      },
    ]),
  };
}
