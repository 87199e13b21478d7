/**
 * Breaks a text that arrives in pieces at spaces instead of in the middle of words. A word is held back until it is known
 * where it goes; `end` lets go of the last one.
 */
export interface Wrapper {
  add(piece: string): string;
  end(): string;
}

export function createWrapper(width: () => number): Wrapper {
  let column = 0;
  let gap = '';
  let word = '';
  const flush = (): string => {
    if (word === '') return '';
    const fits = column === 0 || column + gap.length + word.length <= width();
    const out = fits ? gap + word : `\n${word}`;
    column = fits ? column + gap.length + word.length : word.length;
    gap = '';
    word = '';
    return out;
  };
  return {
    add: (piece) => {
      let out = '';
      for (const character of piece) {
        if (character === '\n') {
          out += `${flush()}\n`;
          column = 0;
          gap = '';
        } else if (character === ' ') {
          out += flush();
          gap += ' ';
        } else word += character;
      }
      return out;
    },
    end: () => {
      const out = flush();
      column = 0;
      gap = '';
      return out;
    },
  };
}
