import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createScriptedModel } from '../../testing/scripted-model.ts';
import { createTestCore } from '../../testing/test-core.ts';
import { packageRoot } from '../package-root.ts';
import { WORKER_TOOLS } from '../tools/toolbox.ts';
import { loadTemplates, parseTemplate, templateText } from './templates.ts';

const OWNER = { id: 'owner', surface: 'cli' };

describe('shipped worker templates', () => {
  it('are all of the seeds’, found by their own and by the seeds’ names, with children that exist', async () => {
    const all = await loadTemplates(join(packageRoot, 'templates/workers'), WORKER_TOOLS);
    const names = all.flatMap((template) => [template.id, ...template.aliases]);
    const seeds =
      `analyst coder bug_investigator db_maintainer deploy_manager file_editor implementation_coordinator ops_sre
      release_notes_writer repo_researcher research_coordinator security_auditor self_controller test_runner web_fetcher
      web_researcher web_search_answer web_search_ranked writer`.split(/\s+/);
    expect(seeds.filter((name) => !names.includes(name))).toEqual([]);
    const children = all.flatMap((template) => template.children);
    expect(children.filter((id) => !all.some((template) => template.id === id))).toEqual([]);
    const spawning = all.filter((template) => template.tools.includes('spawn_worker')).map((template) => template.id);
    expect(spawning).toEqual(['implementation_coordinator', 'research_coordinator']);
  });

  it('survive being written and read again', async () => {
    const all = await loadTemplates(join(packageRoot, 'templates/workers'), WORKER_TOOLS);
    for (const template of all) {
      expect(parseTemplate('x.md', templateText(template), WORKER_TOOLS)).toEqual({ template });
    }
  });
});

describe('templates of other programs', () => {
  it('are read with their old field and tool names', () => {
    const text = JSON.stringify({
      id: 'old_one',
      name: 'Old One',
      description: 'from before',
      system_prompt: 'Do it.',
      available_tools: ['fs_read', 'fs_list', 'test_run'],
      required_permissions: ['exec'],
      max_thinking_steps: 7,
      default_timeout_seconds: 90,
      can_spawn_children: false,
      allowed_child_templates: [],
      allowed_paths: ['/srv/reports'],
    });
    expect(parseTemplate('worker.json', text, WORKER_TOOLS)).toMatchObject({
      template: {
        title: 'Old One',
        prompt: 'Do it.',
        tools: ['read_file', 'list_files', 'run_command'],
        max_steps: 7,
        timeout_seconds: 90,
        paths: [{ path: '/srv/reports', mode: 'ro' }],
      },
    });
  });

  it('are refused by name with what is wrong', () => {
    const bad = '---\nid: Bad Id\ntitle: x\ndescription: y\ntools: [fly]\nroot: true\n---\nDo it.';
    const result = parseTemplate('bad.md', bad, WORKER_TOOLS);
    expect(JSON.stringify(result)).toContain('bad.md: id');
    expect(parseTemplate('no.md', 'nothing', WORKER_TOOLS)).toEqual({
      problems: ['no.md has no front matter between --- lines'],
    });
  });
});

describe('the owner’s own templates', () => {
  it('count from the next look on, when written by hand or by us, and can be taken back', async () => {
    const home = await mkdtemp(join(tmpdir(), 'holdfast-templates-'));
    try {
      await using test = await createTestCore({ model: createScriptedModel(() => 'Done.'), home });
      const { templates } = test.core;
      const mine = { id: 'mine', title: 'Mine', description: 'my own', tools: ['read_file'], prompt: 'Do it.' };
      await expect(templates.put({ ...mine, tools: ['fly'] }, OWNER)).rejects.toThrow('fly');
      await expect(templates.put({ ...mine, id: 'writer', tools: ['list_workers'] }, OWNER)).rejects.toMatchObject({
        code: 'conflict',
      });
      await templates.put({ ...mine, tools: ['list_workers'] }, OWNER);
      await templates.put({ ...mine, tools: ['list_workers'], title: 'Ours' }, OWNER);
      expect(templates.find('mine')).toMatchObject({ title: 'Ours' });
      await templates.undo('mine', OWNER);
      expect(templates.find('mine')).toMatchObject({ title: 'Mine' });
      await templates.remove('mine', OWNER);
      expect(templates.find('mine')).toBeUndefined();
      await templates.undo('mine', OWNER);
      expect(templates.find('mine')).toMatchObject({ title: 'Mine' });

      await mkdir(join(home, 'templates/workers'), { recursive: true });
      const text = '---\nid: byhand\ntitle: By hand\ndescription: typed\ntools: [list_workers]\n---\nDo it.';
      await writeFile(join(home, 'templates/workers/byhand.md'), text);
      await writeFile(join(home, 'templates/workers/broken.md'), 'nothing');
      await templates.refresh();
      expect(templates.find('byhand')).toMatchObject({ title: 'By hand' });
      expect(templates.problems()).toEqual(['broken.md has no front matter between --- lines']);
      await expect(templates.remove('writer', OWNER)).rejects.toMatchObject({ code: 'not-found' });
    } finally {
      await rm(home, { recursive: true });
    }
  });
});
