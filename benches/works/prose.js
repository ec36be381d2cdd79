// Texts as people and models write them: paragraphs of real conversations, put together anew for each number.

const SHORTEST = 40;
const LONGEST = 1500;

/** Reads paragraphs from files of JSON, whatever their shape: of every text in them. */
export async function readProse(files) {
  const paragraphs = new Set();
  for (const file of files) {
    const json = await (await fetch(file)).text();
    for (const [literal] of json.matchAll(/"(?:[^"\\]|\\.)*"/g)) {
      for (const paragraph of JSON.parse(literal)
        .toWellFormed()
        .split(/\n\s*\n/)) {
        const text = paragraph.trim();
        if (text.length >= SHORTEST && text.length <= LONGEST) paragraphs.add(text);
      }
    }
  }
  return new Prose([...paragraphs]);
}

/** The same for a number in every run. */
export class Prose {
  #paragraphs;

  constructor(paragraphs) {
    this.#paragraphs = paragraphs;
  }

  paragraph(number) {
    return this.#paragraphs[scatter(number) % this.#paragraphs.length];
  }

  /** Paragraphs until there are 300 characters. */
  text(number) {
    let text = '';
    for (let i = 0; text.length < 300; i++) text += `${text && '\n\n'}${this.paragraph(number * 16 + i)}`;
    return text;
  }

  /** Neighbouring words of a paragraph, from its middle: letters of ASCII only, so that every tokenizer sees the same. */
  words(number, count) {
    for (let i = 0; ; i++) {
      const words = this.paragraph(number * 64 + i).split(/\s+/);
      const found = words.slice(Math.floor(words.length / 2)).slice(0, count);
      if (found.length === count && found.every((word) => /^[a-z]{4,}$/i.test(word))) return found;
    }
  }

  /** Two neighbouring Han characters. */
  han(number) {
    for (let i = 0; ; i++) {
      const found = this.paragraph(number * 64 + i).match(/\p{Script=Han}{2}/u);
      if (found) return found[0];
    }
  }
}

function scatter(number) {
  let hash = Math.imul(number + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
