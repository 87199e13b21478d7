import { homeAt, homeDirectory } from '../base/home.ts';
import { HoldfastError } from '../protocol/error.ts';
import { type Arguments, parseArguments } from './arguments.ts';
import { closest } from './closest.ts';
import { type CliContext, type Command, HOME_FLAG } from './command.ts';
import { COMMANDS } from './commands.ts';
import { helpOf } from './help.ts';
import { errorLines } from './render/error.ts';

export type World = Omit<CliContext, 'home'>;

/** Runs one command line and answers with its exit code: 0 done, 1 failed, 2 wrongly called. */
export async function runCommandLine(argv: readonly string[], world: World): Promise<number> {
  try {
    const [name = 'help', ...raw] = argv[0] === 'help' ? [argv[1] ?? 'start', '--help'] : argv;
    const command = await findCommand(name);
    const args = parseArguments(raw, [...command.flags, HOME_FLAG]);
    if (args.has('help')) {
      world.print(helpOf(name, command));
      return 0;
    }
    checkWords(name, command, args);
    const home = homeAt(homeDirectory(args.text('home'), world.env.HOLDFAST_HOME || undefined));
    return await command.run({ ...world, home }, args);
  } catch (error) {
    const failure = HoldfastError.from(error);
    for (const line of errorLines(failure, world.paint)) world.warn(line);
    if (failure.code === 'internal' && world.env.HOLDFAST_DEBUG && error instanceof Error)
      world.warn(error.stack ?? '');
    return failure.code === 'bad-request' ? 2 : 1;
  }
}

async function findCommand(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load !== undefined) return load();
  const near = closest(name, Object.keys(COMMANDS));
  const remedy = near ? `Did you mean: holdfast ${near}` : 'See all commands: holdfast --help';
  throw new HoldfastError('bad-request', `unknown command "${name}"`, { remedy });
}

function checkWords(name: string, command: Command, args: Arguments): void {
  const [least, most] = command.words;
  const remedy = `Usage: holdfast ${name} ${command.usage}`.trimEnd();
  if (args.words.length < least) throw new HoldfastError('bad-request', `${name} needs more words`, { remedy });
  if (args.words.length > most)
    throw new HoldfastError('bad-request', `${name} does not take "${args.words[most]}"`, { remedy });
}
