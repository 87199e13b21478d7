/**
 * `holdfast status --json` without loading the product: one question to the supervisor's socket and one to the host's,
 * at the same time. The paths repeat `src/base/home.ts`, and a test keeps the two equal.
 */
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const LIMIT_MS = 5_000;
const LONGEST_RUN_DIRECTORY = 107 - 24 - 1;

exports.homeOf = homeOf;
exports.runDirectory = runDirectory;
exports.run = run;

/** The home directory when the arguments are exactly `--json [--home DIR]`, else undefined. */
function homeOf(args, env) {
  let json = false;
  let flag;
  for (let i = 0; i < args.length; i += 1) {
    if (args[i] === '--json') json = true;
    else if (args[i] === '--home' && i + 1 < args.length) {
      i += 1;
      flag = args[i];
    } else return undefined;
  }
  if (!json) return undefined;
  return flag || env.HOLDFAST_HOME || path.join(require('node:os').homedir(), '.holdfast');
}

function runDirectory(home) {
  const root = path.resolve(home);
  const inside = path.join(root, 'run');
  if (Buffer.byteLength(inside) <= LONGEST_RUN_DIRECTORY) return inside;
  const os = require('node:os');
  const name = require('node:crypto').createHash('sha256').update(root).digest('hex').slice(0, 12);
  return path.join(os.tmpdir(), `holdfast-${os.userInfo().uid}-${name}`);
}

function run(home) {
  const directory = runDirectory(home);
  const answers = { supervisor: null, host: null };
  let open = 2;
  const settle = (name, answer) => {
    answers[name] = answer;
    open -= 1;
    if (open === 0) finish(path.resolve(home), answers);
  };
  ask(path.join(directory, 'supervisor.sock'), '{"do":"status"}\n', (text) => settle('supervisor', parse(text)));
  ask(path.join(directory, 'host.sock'), 'GET /api/status HTTP/1.0\r\nHost: localhost\r\n\r\n', (text) =>
    settle('host', parseHttp(text)),
  );
}

function ask(socket, question, done) {
  let text = '';
  let ended = false;
  const finishOnce = () => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    connection.destroy();
    done(text);
  };
  const timer = setTimeout(finishOnce, LIMIT_MS);
  const connection = net.connect(socket, () => connection.write(question));
  connection.setEncoding('utf8');
  connection.on('data', (chunk) => {
    text += chunk;
    if (isWhole(text)) finishOnce();
  });
  connection.on('end', finishOnce);
  connection.on('error', finishOnce);
}

/** True once an answer with a declared length is complete, so that a kept connection does not make us wait. */
function isWhole(text) {
  if (!text.startsWith('HTTP/')) return text.endsWith('\n');
  const end = text.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end < 0 ? 0 : end));
  return length !== null && Buffer.byteLength(text.slice(end + 4)) >= Number(length[1]);
}

function parseHttp(text) {
  if (!/^HTTP\/1\.[01] 200 /.test(text)) return null;
  return parse(text.slice(text.indexOf('\r\n\r\n') + 4));
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Not running, or cut short: both mean that there is no answer.
  }
}

function finish(home, answers) {
  const { supervisor, host } = answers;
  const running = supervisor !== null || host !== null;
  const problems = [...(supervisor?.problems || []), ...(host?.problems || [])];
  if (!running) problems.push('Holdfast is not running. Remedy: holdfast start');
  else if (host === null) problems.push('The host does not answer. Remedy: holdfast logs');
  const state = !running ? 'stopped' : problems.length > 0 ? 'degraded' : 'ok';
  fs.writeSync(1, `${JSON.stringify({ running, state, home, problems, supervisor, host })}\n`);
  process.exitCode = state === 'ok' ? 0 : state === 'stopped' ? 3 : 1;
}
