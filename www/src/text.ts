// Shows a message's text: paragraphs, headings, lists, code, and a few inline marks. Everything becomes text nodes.

import { h } from './dom.js';

interface Line {
  text: string;
  start: number;
}

interface Block {
  kind: 'paragraph' | 'heading' | 'bullets' | 'numbers' | 'code';
  lines: Line[];
  end: number;
}

const BULLET = /^\s*[-*] /;
const NUMBER = /^\s*\d+[.)] /;
const HEADING = /^#{1,6} /;
const FENCE = /^\s*```/;
const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*/g;

/**
 * Shows `text` in `place`. What comes after `kept` UTF-16 units is marked as not kept yet. Blocks that have not changed
 * stay the elements they were, so a selection in them survives.
 */
export function showText(place: HTMLElement, text: string, kept = text.length): void {
  const shown = [...place.children];
  const blocks = blocksOf(text);
  for (const [index, block] of blocks.entries()) {
    const first = block.lines[0];
    const source = first ? text.slice(first.start, block.end) : '';
    const key = `${block.kind} ${block.end <= kept ? 'kept' : kept} ${source}`;
    const old = shown[index];
    if (old instanceof HTMLElement && keys.get(old) === key) continue;
    const element = show(block, kept);
    keys.set(element, key);
    if (old) old.replaceWith(element);
    else place.append(element);
  }
  for (const old of shown.slice(blocks.length)) old.remove();
}

/** What each shown block was made of. */
const keys = new WeakMap<Element, string>();

function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let start = 0;
  let open: Block | undefined;
  for (const line of text.split('\n')) {
    const here: Line = { text: line, start };
    start += line.length + 1;
    const end = start - 1;
    if (open?.kind === 'code') {
      open.end = end;
      if (FENCE.test(line)) open = undefined;
      else open.lines.push(here);
      continue;
    }
    const kind = kindOf(line);
    if (kind === undefined) {
      open = undefined;
    } else if (open && open.kind === kind && kind !== 'heading') {
      open.lines.push(here);
      open.end = end;
    } else {
      open = { kind, lines: [here], end };
      blocks.push(open);
    }
  }
  return blocks;
}

function kindOf(line: string): Block['kind'] | undefined {
  if (line.trim() === '') return undefined;
  if (FENCE.test(line)) return 'code';
  if (HEADING.test(line)) return 'heading';
  if (BULLET.test(line)) return 'bullets';
  return NUMBER.test(line) ? 'numbers' : 'paragraph';
}

function show(block: Block, kept: number): HTMLElement {
  const lines = (mark: RegExp): Line[] => block.lines.map((line) => without(line, mark));
  switch (block.kind) {
    case 'code': {
      const code = block.lines.slice(1);
      const text = code.map((line) => line.text).join('\n');
      return h('pre', { tabindex: 0 }, h('code', {}, ...pieces(text, code[0]?.start ?? 0, kept)));
    }
    case 'heading':
      return h('p', { class: 'heading' }, ...inline(lines(HEADING), kept));
    case 'bullets':
      return h('ul', {}, ...lines(BULLET).map((line) => h('li', {}, ...inline([line], kept))));
    case 'numbers':
      return h('ol', {}, ...lines(NUMBER).map((line) => h('li', {}, ...inline([line], kept))));
    case 'paragraph':
      return h('p', {}, ...inline(block.lines, kept));
  }
}

function without(line: Line, mark: RegExp): Line {
  const length = mark.exec(line.text)?.[0].length ?? 0;
  return { text: line.text.slice(length), start: line.start + length };
}

function inline(lines: Line[], kept: number): Node[] {
  const start = lines[0]?.start ?? 0;
  const text = lines.map((line) => line.text).join('\n');
  const nodes: Node[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(...pieces(text.slice(from, match.index), start + from, kept));
    const [whole, code, strong, emphasis] = match;
    const mark = strong === undefined ? 1 : 2;
    const inner = pieces(code ?? strong ?? emphasis ?? '', start + match.index + mark, kept);
    const tag = code === undefined ? (strong === undefined ? 'em' : 'strong') : 'code';
    nodes.push(h(tag, {}, ...inner));
    from = match.index + whole.length;
  }
  nodes.push(...pieces(text.slice(from), start + from, kept));
  return nodes;
}

/** Text nodes; what is not kept yet stands in an element of its own. */
function pieces(text: string, start: number, kept: number): Node[] {
  const cut = Math.max(0, Math.min(text.length, kept - start));
  const nodes: Node[] = [];
  if (cut > 0) nodes.push(document.createTextNode(text.slice(0, cut)));
  if (cut < text.length) nodes.push(h('span', { class: 'pending' }, text.slice(cut)));
  return nodes;
}
