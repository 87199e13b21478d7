/**
 * `npm test`: setup's missing steps, `npm run check`, then every test under Node 24. Words after `--` go to vitest.
 * The last line counts: `N passed, N failed`, out of vitest's own report.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setup } from './setup.js';
import { productNode, ROOT, run, runMain, StepError, say, withProductNode } from './steps.js';

await runMain(async () => {
  await setup();
  const node = productNode();
  if (node === undefined) throw new StepError('There is no Node 24 to test with.', 'npm run setup');
  const env = withProductNode(node);
  const problems = await check(node, env);
  const failed = await test(node, env);
  for (const problem of problems) say(`check failed: ${problem}`);
  return problems.length > 0 || failed ? 1 : 0;
});

/** The same commands as `npm run check`, each run even when one before it failed. */
async function check(node, env) {
  const checks = [
    ['biome', ['@biomejs/biome/bin/biome', 'check', '.']],
    ['tsc (pure)', ['typescript/bin/tsc', '-p', 'tsconfig.pure.json']],
    ['tsc', ['typescript/bin/tsc', '-p', 'tsconfig.json']],
    ['tsc (web)', ['typescript/bin/tsc', '-p', 'web/tsconfig.json']],
  ];
  const problems = [];
  for (const [name, [program, ...args]] of checks) {
    say(`• Check: ${name}`);
    const { code } = await run(node, [join(ROOT, 'node_modules', program), ...args], { env, show: true });
    if (code !== 0) problems.push(name);
  }
  return problems;
}

async function test(node, env) {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const report = join(directory, 'report.json');
  say('• Tests');
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { code } = await run(node, [vitest, 'run', ...reporters, ...process.argv.slice(2)], { env, show: true });
  const count = readReport(report);
  rmSync(directory, { recursive: true, force: true });
  if (count === undefined) say('vitest ended without a report');
  else say(`${count.skipped > 0 ? `${count.skipped} skipped\n` : ''}${count.passed} passed, ${count.failed} failed`);
  return code !== 0 || count === undefined;
}

/** Test files that could not even be loaded hold no tests, so each counts as one that failed. */
function readReport(path) {
  if (!existsSync(path)) return undefined;
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
}
