// What people search for, over 100,000 messages of real text.
import { readProse } from './prose.js';

const QUERIES = 40;
const WARM_UP = 3;
const LIMIT = 20;

/** Queries by what they ask for: { words } that must all be there, a { phrase }, a { prefix }, and what is { without }. */
const KINDS = {
  'one word': (prose, i) => ({ words: prose.words(i, 1) }),
  'two words': (prose, i) => ({ words: prose.words(i, 2) }),
  'a phrase of three words': (prose, i) => ({ phrase: prose.words(i, 3) }),
  'a word as it is typed, four letters': (prose, i) => ({ prefix: prose.words(i, 1)[0].slice(0, 4) }),
  'a word without another': (prose, i) => ({ words: prose.words(i, 1), without: prose.words(i + 1000, 1)[0] }),
};

export async function measure(store, { work: { name }, data }) {
  const prose = await readProse(data);
  const measures = [];
  const all = [];
  for (const [kind, make] of Object.entries(KINDS)) {
    for (let i = 0; i < WARM_UP; i++) await store.search(make(prose, i), LIMIT);
    const values = [];
    for (let i = 0; i < QUERIES; i++) {
      const query = make(prose, i);
      const started = performance.now();
      const hits = await store.search(query, LIMIT);
      values.push((performance.now() - started) * 1000);
      check(query, hits);
    }
    all.push(...values);
    measures.push({ work: `${name}: ${kind}`, unit: 'us', values });
  }
  const found = [{ unit: 'us', values: all }, ...measures];
  if (!store.searchBytes) return found;
  const { text, index } = await store.searchBytes();
  return [...found, { unit: 'index, % of the text', values: [(100 * index) / text] }];
}

/** Every query was made of a paragraph that is in the store, so each finds something; and what it finds shows one of its words. */
function check({ words = [], phrase = [], prefix = [], without }, hits) {
  const wanted = [words, phrase, prefix].flat().map((word) => word.toLowerCase());
  if (hits.length === 0 && !without) throw new Error(`nothing is found for ${wanted}`);
  for (const { snippet } of hits) {
    const shown = snippet.toLowerCase();
    if (!wanted.some((word) => shown.includes(word))) throw new Error(`"${snippet}" is found for ${wanted}`);
  }
}
