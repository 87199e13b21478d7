import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { VERSION } from '../src/base/version.ts';
import { COMMANDS } from '../src/cli/commands.ts';
import { HoldfastConfig } from '../src/protocol/config.ts';
import { Permissions } from '../src/protocol/permission.ts';
import { RunLimits } from '../src/protocol/run.ts';

/** What the documents name must exist: links, commands, configuration keys, files, numbers. */
const ROOT = resolve(import.meta.dirname, '..');
const SKIPPED = new Set(['node_modules', 'dist', '.git', '.cache']);

function filesIn(directory: string, kind: RegExp): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesIn(path, kind);
    return kind.test(entry.name) ? [path] : [];
  });
}

const FILES = filesIn(ROOT, /\.md$/);
const name = (file: string): string => relative(ROOT, file);
const read = (file: string): string => readFileSync(file, 'utf8');
const page = (path: string): string => read(join(ROOT, path));

const withoutFences = (text: string): string => text.replaceAll(/^```.*?^```/gms, '');
const withoutCode = (text: string): string => withoutFences(text).replaceAll(/`[^`\n]*`/g, '');

/** Everything between backticks, inline and fenced, and indented blocks. */
function codeOf(text: string): string[] {
  const fences = [...text.matchAll(/^```.*?\n(.*?)^```/gms)].map((match) => match[1] ?? '');
  const rest = withoutFences(text);
  const spans = [...rest.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
  const indented = [...rest.matchAll(/^ {4}(\S.*)$/gm)].map((match) => match[1] ?? '');
  return [...fences, ...spans, ...indented];
}

/** The anchors GitHub makes of a page's headings. */
function anchorsOf(file: string): Set<string> {
  const seen = new Map<string, number>();
  const slugs = [...withoutFences(read(file)).matchAll(/^#{1,6}\s+(.+)$/gm)].map((match) => {
    const slug = (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  return new Set(slugs);
}

function brokenLinks(file: string): string[] {
  const targets = [...withoutCode(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return targets.filter((target) => {
    if (/^[a-z][a-z+.-]*:/i.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const linked = path === '' ? file : resolve(dirname(file), decodeURIComponent(path));
    if (!existsSync(linked)) return true;
    return anchor !== undefined && linked.endsWith('.md') && !anchorsOf(linked).has(anchor);
  });
}

/** Commands that a text tells somebody to type. */
function commandsIn(text: string): string[] {
  return [...text.matchAll(/(?:^|[\s`'"(/])holdfast(?:\.js)? ([a-z][a-z-]*)/gm)].map((match) => match[1] ?? '');
}

/** Has the fields of the permission matrix, which docs/policy.md lists. */
const MATRIX_KEY = 'policy.floor.atMost';

/** Dotted paths of all leaves of a JSON schema. */
function keysOf(schema: unknown, path = ''): string[] {
  if (path === MATRIX_KEY) return [path];
  const choices = z
    .object({ oneOf: z.array(z.unknown()) })
    .or(z.object({ anyOf: z.array(z.unknown()) }))
    .safeParse(schema);
  if (choices.success) {
    const all = 'oneOf' in choices.data ? choices.data.oneOf : choices.data.anyOf;
    return [...new Set(all.flatMap((choice) => keysOf(choice, path)))];
  }
  const properties = z.object({ properties: z.record(z.string(), z.unknown()) }).safeParse(schema);
  if (!properties.success) return [path];
  return Object.entries(properties.data.properties).flatMap(([key, value]) =>
    keysOf(value, path === '' ? key : `${path}.${key}`),
  );
}

describe('the documents', () => {
  it('are found', () => expect(FILES.map(name)).toEqual(expect.arrayContaining(['README.md', 'docs/index.md'])));

  it.each(FILES.map(name))('%s links only to what is there', (file) => {
    expect(brokenLinks(join(ROOT, file))).toEqual([]);
  });

  it.each(FILES.map(name))('%s names only commands that exist', (file) => {
    const named = codeOf(page(file)).flatMap(commandsIn);
    expect(named.filter((command) => !Object.hasOwn(COMMANDS, command))).toEqual([]);
  });

  it.each(FILES.map(name))('%s names only files that exist', (file) => {
    const paths = codeOf(page(file)).flatMap((code) =>
      [...code.matchAll(/(?:^|\s)((?:src|tests|bench|docs|templates|scripts|bin|data|web)\/[\w./-]+)/g)].map((match) =>
        (match[1] ?? '').replace(/[.:]+$/, ''),
      ),
    );
    const built = /^(?:web\/)?dist\b|^bench\/results\.json$/;
    expect(paths.filter((path) => !built.test(path) && !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it.each(FILES.map(name))('%s names no machine of ours and no registry', (file) => {
    const text = page(file);
    const inSandboxes = /^\/work\/(?:<name>|name|x|ada-reports)$/;
    const paths = [...text.matchAll(/\/work\/[\w.<>-]+|\/(?:root|home)\/(?!ada\b)[\w-]+\/\S+/g)].map(([path]) => path);
    const hosts = text.match(/\b[\w.-]*(?:registry|npmjs|artifactory|verdaccio)[\w-]*\.(?:[\w-]+\.)*[a-z]{2,}\b/gi);
    expect(paths.filter((path) => !inSandboxes.test(path))).toEqual([]);
    expect((hosts ?? []).filter((host) => !/\.(?:ts|js|md|json)$/.test(host))).toEqual([]);
  });

  it('index.md has a line for every page', () => {
    const index = page('docs/index.md');
    const pages = readdirSync(join(ROOT, 'docs')).filter((file) => file.endsWith('.md') && file !== 'index.md');
    expect(pages.filter((file) => !index.includes(`(${file})`))).toEqual([]);
  });

  it('decisions/README.md has a line for every record', () => {
    const list = page('docs/decisions/README.md');
    const records = readdirSync(join(ROOT, 'docs/decisions')).filter((file) => /^\d{4}-/.test(file));
    expect(records.filter((file) => !list.includes(`(${file})`))).toEqual([]);
  });
});

describe('what the programs tell people to type', () => {
  it('exists', () => {
    const sources = ['src', 'scripts', 'bin', 'web/src'].flatMap((room) =>
      filesIn(join(ROOT, room), /\.(?:ts|tsx|js|txt)$/),
    );
    const told = sources
      .filter((file) => !/\.test\.tsx?$/.test(file))
      .flatMap((file) => commandsIn(read(file)).map((command) => ({ file: name(file), command })));
    expect(told.length).toBeGreaterThan(30);
    expect(told.filter(({ command }) => !Object.hasOwn(COMMANDS, command))).toEqual([]);
  });
});

describe('threat-model.md', () => {
  const cited = [
    ...page('docs/threat-model.md').matchAll(/`([^`]+\.(?:test|conformance)\.tsx?)`((?:[,;]? (?:and )?\n?“[^”]+”)+)/g),
  ];
  const claims = cited.flatMap(([, file = '', titles = '']) =>
    [...titles.matchAll(/“([^”]+)”/g)].map((match) => [file, match[1] ?? ''] as const),
  );

  it('cites tests by their titles', () => expect(claims.length).toBeGreaterThan(20));
  it.each(claims)('%s has a test “%s”', (file, title) => expect(page(file)).toContain(title));
});

describe('configuration.md', () => {
  const documented = [...page('docs/configuration.md').matchAll(/^\| `([A-Za-z.]+)` \|/gm)].map((match) => match[1]);
  const schema = keysOf(z.toJSONSchema(HoldfastConfig, { io: 'input', unrepresentable: 'any' }));

  it('has every key of the schema', () => expect(schema.filter((key) => !documented.includes(key))).toEqual([]));
  it('has no other key', () => expect(documented.filter((key) => !schema.includes(key ?? ''))).toEqual([]));
});

describe('policy.md', () => {
  it.each(Permissions.keyof().options)('names the permission %s', (field) => {
    const group = field.startsWith('wallet_') ? 'wallet_*' : field;
    expect(page('docs/policy.md')).toContain(`\`${group}\``);
  });
});

describe('runs.md', () => {
  const defaults = Object.entries(RunLimits.parse({}));
  it.each(defaults)('gives the default of %s', (key, value) => {
    const grouped = value.toLocaleString('en-US');
    expect(page('docs/runs.md')).toMatch(new RegExp(`\\| \`${key}\` \\| ${grouped} \\|`));
  });

  it('gives the steps and seconds of every worker template', () => {
    const folder = join(ROOT, 'templates/workers');
    const rows = readdirSync(folder).map((file) => {
      const text = read(join(folder, file));
      const field = (key: string): string => new RegExp(`^${key}: (.+)$`, 'm').exec(text)?.[1] ?? '';
      return `\\| \`${field('id')}\` \\|.*\\| ${field('max_steps')} \\| ${field('timeout_seconds')} \\|`;
    });
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter((row) => !new RegExp(row).test(page('docs/runs.md')))).toEqual([]);
  });
});

describe('the house', () => {
  it('AGENTS.md stays under 100 lines', () => expect(page('AGENTS.md').split('\n').length).toBeLessThan(100));

  it('has one version', () => {
    const manifest = z.object({ version: z.string(), license: z.string() }).parse(JSON.parse(page('package.json')));
    expect(VERSION).toBe(manifest.version);
    expect(manifest.license).toBe('Apache-2.0');
    expect(page('CHANGELOG.md')).toContain(manifest.version);
  });

  it('carries the licence it names', () => {
    expect(page('LICENSE')).toMatch(/Apache License\s+Version 2\.0, January 2004/);
  });
});
