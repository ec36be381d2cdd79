// The disk itself: the limit. A chunk lies there twice, for what its journal line holds beside the text.
// With `between`, so many microseconds are computed away before each write, as any store does that has something to write.

const PIECE = 1 << 20;

export async function open({ durability, directory, between = 0 }) {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(directory, { create: true });
  const file = await folder.getFileHandle('file', { create: true });
  const handle = await file.createSyncAccessHandle();
  const encoder = new TextEncoder();
  let at = 0;
  let line;
  let files = 0;
  return {
    createConversations: (titles) => titles,
    beginMessage: (conversation) => conversation,
    appendChunk(_message, _seq, text) {
      line ??= encoder.encode(text + text);
      compute(between);
      handle.write(line, { at });
      at += line.length;
      if (durability === 'strict') handle.flush();
    },
    readMessage() {
      const bytes = new Uint8Array(handle.getSize());
      handle.read(bytes, { at: 0 });
      return new TextDecoder().decode(bytes.subarray(0, bytes.length / 2));
    },
    async putFile(bytes) {
      const name = `file-${++files}`;
      const access = await (await folder.getFileHandle(name, { create: true })).createSyncAccessHandle();
      for (let at = 0; at < bytes.length; at += PIECE) access.write(bytes.subarray(at, at + PIECE), { at });
      access.flush();
      access.close();
      return name;
    },
    async readFile(name) {
      const access = await (await folder.getFileHandle(name)).createSyncAccessHandle();
      const bytes = new Uint8Array(access.getSize());
      for (let at = 0; at < bytes.length; at += PIECE) access.read(bytes.subarray(at, at + PIECE), { at });
      access.close();
      return bytes;
    },
    close: () => handle.close(),
  };
}

function compute(microseconds) {
  const until = performance.now() + microseconds / 1000;
  while (performance.now() < until);
}
