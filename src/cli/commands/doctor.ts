import type { DoctorProbe } from '../../protocol/api.ts';
import type { Command } from '../command.ts';
import { JSON_FLAG } from '../command.ts';
import { runProbes } from '../doctor/probes.ts';
import { plainText } from '../render/plain-text.ts';
import { duration } from '../render/units.ts';

export const doctor: Command = {
  summary: 'Prove each part with a real probe and name what is broken. Exit code 0 when all is well.',
  usage: '[--json]',
  flags: [JSON_FLAG],
  words: [0, 0],
  notes: 'The model is asked for a single token, which costs a fraction of a cent with a paid provider.',
  run: async (context, args) => {
    const probes: DoctorProbe[] = [];
    const { paint, print } = context;
    const json = args.has('json');
    for await (const probe of runProbes(context)) {
      probes.push(probe);
      if (json) continue;
      const mark = probe.ok ? paint.green('✓') : paint.red('✗');
      print(`${mark} ${probe.name}  ${plainText(probe.detail)} ${paint.dim(duration(probe.durationMs))}`);
      if (!probe.ok) print(`  ${paint.yellow('fix')} ${plainText(probe.remedy)}`);
    }
    const broken = probes.filter((probe) => !probe.ok);
    if (json) print(JSON.stringify({ ok: broken.length === 0, probes }));
    else if (broken[0] === undefined) print(paint.green('\nAll well.'));
    else print(paint.red(`\nBroken: ${broken.map((probe) => probe.name).join(', ')}. Begin with ${broken[0].name}.`));
    return broken.length === 0 ? 0 : 1;
  },
};
