// The disk itself: the limit. 600 bytes stand for a 300-byte chunk as a journal line.
export async function open({ durability, directory }) {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(directory, { create: true });
  const file = await folder.getFileHandle('file', { create: true });
  const handle = await file.createSyncAccessHandle();
  const bytes = new Uint8Array(600).fill(97);
  let at = 0;
  return {
    write() {
      handle.write(bytes, { at });
      at += bytes.length;
      if (durability === 'strict') handle.flush();
    },
    async close() {
      handle.close();
      await root.removeEntry(directory, { recursive: true });
    },
  };
}
