// What is measured. `kind` names the file in this folder that does it; `does` what a contender must do for it. A work
// without a durability is a read, and runs on a store made before: `dataset` names it, in megabytes of text or by name.
// Works with the same `session` are measured one after another in one worker. `rounds`: how many rounds at most.

/** Where texts come from that people and models wrote. */
const PROSE = [
  'oasst/en_100_tree.jsonl',
  'llm-samples/2025-08-10_deepseek-v3-0324_sample.jsonl',
  'multilingual/oa_falcon40b_12-languages_filtered.json',
];

const SIZES = { 1: '1 MB', 100: '100 MB', 1000: '1 GB' };

const streams = [1, 10, 100].flatMap((count) =>
  ['strict', 'relaxed'].map((durability) => ({
    name: `streams-${count}-${durability}`,
    kind: 'streams',
    does: 'streams',
    durability,
    streams: count,
    from: 'page',
    title: `${count === 1 ? 'one stream' : `${count} streams at once`} from the page, chunk by chunk, ${durability}`,
  })),
);

const rebuilds = [20, 170].flatMap((chunks) => [
  {
    name: `rebuild-${chunks}`,
    kind: 'reads',
    session: 'reads',
    does: 'reads',
    read: `message-${chunks}`,
    dataset: 'chat',
    title: `a message of ${chunks} chunks read whole, warm`,
  },
  {
    name: `rebuild-${chunks}-cold`,
    kind: 'reads',
    does: 'reads',
    read: `message-${chunks}`,
    dataset: 'chat',
    isCold: true,
    title: `the same, as the first read of a store just opened`,
  },
]);

const pages = [100, 10_000, 100_000].map((count) => ({
  name: `page-${count}`,
  kind: 'reads',
  session: 'reads',
  does: 'reads',
  read: `page-${count}`,
  dataset: 'chat',
  title: `the newest 50 messages of a conversation of ${count.toLocaleString('en')}`,
}));

const opens = [
  { name: 'open-1mb', size: 1, dataset: 'text-1' },
  { name: 'open-100mb', size: 100, dataset: 'chat' },
  { name: 'open-1gb', size: 1000, dataset: 'text-1000', isLong: true },
].map(({ size, ...work }) => ({
  ...work,
  kind: 'open',
  does: 'open',
  title: `a store of ${SIZES[size]} of text opened, to the end of the first read`,
}));

const recovers = [10, 100].map((size) => ({
  name: `recover-${size}mb`,
  kind: 'recover',
  does: 'recover',
  dataset: `recover-${size}`,
  isLong: size > 10,
  title: `a store of ${size} MB of text opened without its database: all of it comes from the journal`,
}));

const files = [
  { name: 'files-64mb', files: 1, bytes: 64 << 20, title: 'a file of 64 MB that is packed already' },
  { name: 'files-text', files: 4, bytes: 8 << 20, isText: true, title: 'four logs of 8 MB' },
  { name: 'files-10kb', files: 500, bytes: 10_000, title: '500 files of 10 KB' },
  { name: 'files-2kb', files: 500, bytes: 2000, isText: true, title: '500 texts of 2 KB' },
].map((work) => ({ ...work, kind: 'files', does: 'files', durability: 'strict', rounds: 3 }));

const sharing = [
  { name: 'sharing-grown', title: 'twenty versions of a log that grows, kept as one artifact' },
  { name: 'sharing-edited', isEdited: true, title: 'twenty versions of a file with a few other lines in each' },
].map((work) => ({
  ...work,
  kind: 'sharing',
  does: 'sharing',
  durability: 'strict',
  rounds: 1,
  data: 'transcripts/aider_chat-history.md',
}));

export const WORKS = [
  {
    name: 'chunk-strict',
    kind: 'chunks',
    does: 'chunks',
    durability: 'strict',
    writes: 500,
    title: 'one chunk per transaction, flushed before the answer',
  },
  {
    name: 'chunk-relaxed',
    kind: 'chunks',
    does: 'chunks',
    durability: 'relaxed',
    writes: 2000,
    title: 'one chunk per transaction, not flushed',
  },
  ...streams,
  {
    name: 'tokens-100-relaxed',
    kind: 'tokens',
    does: 'streams',
    durability: 'relaxed',
    streams: 100,
    from: 'page',
    title: '100 streams at once from the page, token by token, bundled by 20',
  },
  {
    name: 'streams-100-relaxed-scan',
    kind: 'streams',
    does: 'scan',
    durability: 'relaxed',
    streams: 100,
    from: 'page',
    isScanned: true,
    dataset: 'scan',
    title: 'the same while every message of a large store is listed over and over',
  },
  ...rebuilds,
  ...pages,
  {
    name: 'conversations-1000',
    kind: 'reads',
    session: 'reads',
    does: 'reads',
    read: 'conversations',
    dataset: 'chat',
    title: '1,000 conversations listed',
  },
  {
    name: 'import-20000',
    rounds: 3,
    kind: 'import',
    does: 'import',
    durability: 'strict',
    messages: 20_000,
    title: '20,000 messages of 300 bytes in bulk',
  },
  {
    name: 'archive',
    rounds: 3,
    kind: 'archive',
    does: 'archive',
    durability: 'strict',
    conversations: 20,
    title: '20,000 messages of 900 bytes out as one file, and that file into an empty store',
  },
  {
    name: 'replay-2000',
    rounds: 3,
    kind: 'replay',
    does: 'replay',
    durability: 'strict',
    operations: 2000,
    data: 'transcripts/aider_chat-history.md',
    title: '2,000 operations of a real coding transcript, one after another',
  },
  {
    name: 'search',
    rounds: 3,
    kind: 'search',
    does: 'search',
    dataset: 'model',
    data: PROSE,
    title: 'the 20 best of 100,000 messages of real text, with snippets',
  },
  {
    name: 'model',
    rounds: 3,
    kind: 'model',
    does: 'model',
    dataset: 'model',
    data: PROSE,
    title:
      'lists of 50, searches and the queue, from the page, with 100,000 messages, 10,000 of each other record and 1,000 charts',
  },
  ...files,
  ...sharing,
  ...opens,
  ...recovers,
  ...['strict', 'relaxed'].map((durability) => ({
    name: `breakdown-${durability}`,
    kind: 'breakdown',
    does: 'breakdown',
    durability,
    title: `where the time of a chunk goes, ${durability}`,
  })),
  {
    name: 'hour',
    rounds: 1,
    kind: 'hour',
    does: 'hour',
    durability: 'relaxed',
    title: 'memory over an hour of 100 streams, 20 tokens a second each; the clock is simulated',
  },
];
