import type { Interface } from 'node:readline';
import { plainText } from '../render/plain-text.ts';
import { createWrapper } from './wrap.ts';

/**
 * The one place that writes to the chat's terminal. Lines go above the prompt and leave what is being typed alone; a draft is
 * written as it comes, and whatever interrupts it starts on a line of its own.
 */
export interface Screen {
  readonly width: number;
  /** Our own text, colours allowed. */
  line(text: string): void;
  /** A piece of an answer, cleaned. */
  draft(text: string): void;
  endDraft(): void;
  /** The prompt is hidden while an answer is being written. */
  prompt(text: string): void;
  hidePrompt(): void;
}

const NARROW = 80;

export function createScreen(stdout: NodeJS.WriteStream, reader: Interface): Screen {
  const terminal = stdout.isTTY === true;
  let drafting = false;
  let atLineStart = true;
  let prompted = false;
  const clearPrompt = (): void => {
    if (prompted && terminal) stdout.write('\r\u001b[K');
  };
  const wrapper = createWrapper(() => (terminal ? stdout.columns || NARROW : Number.POSITIVE_INFINITY));
  const write = (text: string): void => {
    if (text === '') return;
    stdout.write(text);
    atLineStart = text.endsWith('\n');
  };
  const endDraft = (): void => {
    if (!drafting) return;
    write(wrapper.end());
    if (!atLineStart) stdout.write('\n');
    drafting = false;
    atLineStart = true;
  };
  return {
    get width() {
      return stdout.columns || NARROW;
    },
    line: (text) => {
      clearPrompt();
      endDraft();
      stdout.write(`${text}\n`);
      if (prompted && terminal) reader.prompt(true);
    },
    draft: (raw) => {
      const text = plainText(raw);
      if (text === '') return;
      clearPrompt();
      prompted = false;
      drafting = true;
      write(wrapper.add(text));
    },
    endDraft,
    prompt: (text) => {
      endDraft();
      prompted = true;
      if (!terminal) return;
      reader.setPrompt(text);
      reader.prompt(true);
    },
    hidePrompt: () => {
      clearPrompt();
      prompted = false;
    },
  };
}
