// What is saved by keeping once what contents share, and by compressing: versions of real files.

const VERSIONS = 20;

/** Lines that are changed from one version to the next. */
const EDITS = 5;

export async function measure({ api }, { work: { isEdited }, data }) {
  const whole = await (await fetch(data)).text();
  const content = isEdited ? (version) => edited(whole, version) : (version) => grown(whole, version);
  const artifact = { userId: 'us01', kind: 'log', name: 'log', mediaType: 'text/plain' };
  let { id, version } = await api.artifacts.put({ ...artifact, content: content(1) });
  for (let number = 2; number <= VERSIONS; number++) {
    ({ version } = await api.artifacts.revise(id, content(number), { version }));
  }
  for (const revision of [1, VERSIONS]) {
    if ((await api.artifacts.text(id, { revision })) !== content(revision))
      throw new Error(`version ${revision} differs`);
  }
  const { contents } = await api.health.usage();
  return [
    { unit: 'times smaller', values: [contents.bytes / contents.storedBytes] },
    { unit: 'times smaller by sharing alone', values: [contents.bytes / (contents.bytes - contents.sharedBytes)] },
  ];
}

/** A file that grows. */
const grown = (whole, version) => whole.slice(0, Math.ceil((whole.length * version) / VERSIONS)).toWellFormed();

/** A file of which some lines are other ones in each version. */
function edited(whole, version) {
  const lines = whole.split('\n');
  for (let edit = 0; edit < EDITS * (version - 1); edit++) {
    const at = (edit * 7919) % lines.length;
    lines[at] = `${lines[at]} (edit ${edit})`;
  }
  return lines.join('\n');
}
